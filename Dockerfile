# Three images of one lock file: `runtime` serves a model, `reconciler` is the scheduled job, `page` shows what it found.
# `mlservice image push` makes the same without a container engine; this is for who has one and wants to change them.
#   docker build --target runtime -t runtime .          docker build --target reconciler -t reconciler .
#   docker build --target page -t page .
# Frameworks are chosen: --build-arg FRAMEWORKS="onnx sklearn torch"; LightGBM's wheel needs the system's OpenMP, which a
# slim Python has not: --build-arg FRAMEWORKS=lightgbm --build-arg PYTHON=3.12-bookworm
ARG PYTHON=3.12-slim-bookworm

FROM python:${PYTHON} AS build
# As in uv.lock, so that what lays the wheels out is what was tested.
RUN pip install --no-cache-dir uv==0.13.9 packaging==26.3
WORKDIR /app
ENV UV_LINK_MODE=copy \
    UV_NO_CACHE=1 \
    UV_PYTHON_DOWNLOADS=never
COPY uv.lock ./
COPY reconciler/__init__.py reconciler/
COPY reconciler/images/ reconciler/images/

FROM build AS build-runtime
ARG FRAMEWORKS="onnx sklearn"
RUN python -m reconciler.images.wheels uv.lock runtime .venv/site-packages ${FRAMEWORKS}
COPY schemas/ schemas/
COPY runtime/ runtime/
RUN python -m compileall -q --invalidation-mode unchecked-hash .venv schemas runtime

FROM build AS build-reconciler
RUN python -m reconciler.images.wheels uv.lock reconciler .venv/site-packages
COPY schemas/ schemas/
COPY reconciler/ reconciler/
# The job packs the retraining function, which is of this package.
COPY runtime/ runtime/
RUN cp uv.lock reconciler/images/ && python -m compileall -q --invalidation-mode unchecked-hash .venv schemas reconciler runtime

FROM build AS build-page
RUN python -m reconciler.images.wheels uv.lock page .venv/site-packages
COPY schemas/ schemas/
COPY page/ page/
RUN python -m compileall -q --invalidation-mode unchecked-hash .venv schemas page

# No compiler, no cache, no uv: only Python, the wheels and our packages.
FROM python:${PYTHON} AS base
RUN useradd --uid 65532 --no-create-home --shell /usr/sbin/nologin mlservice
WORKDIR /app
# The file system may be read-only: nothing is written but model downloads, under /tmp. onnxruntime reports to its maker
# unless it is told not to before it is imported.
ENV HOME=/tmp \
    HOST=0.0.0.0 \
    PYTHONPATH=/app:/app/.venv/site-packages \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    ORT_DISABLE_TELEMETRY=1
USER 65532:65532

FROM base AS reconciler
COPY --from=build-reconciler /app/.venv /app/.venv
COPY --from=build-reconciler /app/schemas /app/schemas
COPY --from=build-reconciler /app/reconciler /app/reconciler
COPY --from=build-reconciler /app/runtime /app/runtime
ENTRYPOINT ["python", "-m", "reconciler.cli"]
CMD ["reconcile"]

FROM base AS page
COPY --from=build-page /app/.venv /app/.venv
COPY --from=build-page /app/schemas /app/schemas
COPY --from=build-page /app/page /app/page
EXPOSE 8080
CMD ["python", "-m", "page"]

FROM base AS runtime
COPY --from=build-runtime /app/.venv /app/.venv
COPY --from=build-runtime /app/schemas /app/schemas
COPY --from=build-runtime /app/runtime /app/runtime
EXPOSE 8080
# Cloud Run sets PORT, Vertex AI sets AIP_HTTP_PORT; the server reads both.
CMD ["python", "-m", "runtime"]
