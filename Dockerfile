# Two images of one lock file: `runtime` serves a model, `reconciler` is the scheduled job.
#   docker build --target runtime -t runtime .          docker build --target reconciler -t reconciler .
# Frameworks are extras: --build-arg EXTRAS="--extra onnx --extra sklearn --extra torch"
ARG PYTHON=3.12-slim-bookworm

FROM python:${PYTHON} AS build
RUN pip install --no-cache-dir "uv>=0.5"
WORKDIR /app
ENV UV_COMPILE_BYTECODE=1 \
    UV_LINK_MODE=copy \
    UV_PYTHON_DOWNLOADS=never \
    UV_PROJECT_ENVIRONMENT=/app/.venv
COPY pyproject.toml uv.lock README.md LICENSE ./

FROM build AS build-runtime
ARG EXTRAS="--extra onnx --extra sklearn"
RUN uv sync --locked --no-dev --no-install-project --extra runtime --extra grpc ${EXTRAS}
COPY schemas/ schemas/
COPY runtime/ runtime/
RUN python -m compileall -q schemas runtime

FROM build AS build-reconciler
RUN uv sync --locked --no-dev --no-install-project
COPY schemas/ schemas/
COPY reconciler/ reconciler/
RUN uv sync --locked --no-dev --no-editable

# No compiler, no pip cache, no uv: only Python, the environment and our packages.
FROM python:${PYTHON} AS base
RUN useradd --uid 65532 --no-create-home --shell /usr/sbin/nologin mlservice
WORKDIR /app
# The file system may be read-only: nothing is written but model downloads, under /tmp. onnxruntime reports to its maker
# unless it is told not to before it is imported.
ENV PATH=/app/.venv/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    ORT_DISABLE_TELEMETRY=1

FROM base AS reconciler
COPY --from=build-reconciler /app/.venv /app/.venv
USER 65532:65532
ENTRYPOINT ["mlservice"]
CMD ["reconcile"]

FROM base AS runtime
COPY --from=build-runtime /app/.venv /app/.venv
COPY --from=build-runtime /app/schemas /app/schemas
COPY --from=build-runtime /app/runtime /app/runtime
USER 65532:65532
EXPOSE 8080
# Cloud Run sets PORT, Vertex AI sets AIP_HTTP_PORT; the server reads both.
CMD ["python", "-m", "runtime", "--host", "0.0.0.0"]
