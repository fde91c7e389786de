"""Valid services over every section of the language, the later ones included."""

from typing import Any

from hypothesis import strategies as st

from tests.strategies.specs import Data, service_specs

_NAMES = st.from_regex(r"\A[a-z][a-z0-9_]{1,8}\Z")
_DISTANCES = st.sampled_from([0.05, 0.1, 0.25, 0.3, 0.99])
_ORDERS = st.sampled_from([0.1, 0.125])
_NUMERIC = ("number", "integer")
_SPANS = st.sampled_from(["1h", "24h", "1d", "7d", "1w"])
_TOPICS = st.from_regex(r"\A[a-fh-z][a-z0-9-]{2,12}\Z")
_FRACTIONS = st.lists(st.sampled_from([0.25, 0.5, 0.8, 0.9, 1.0, 1.5]), unique=True, max_size=3)


def _optional(**keys: st.SearchStrategy[Any]) -> st.SearchStrategy[Data]:
    return st.fixed_dictionaries({}, optional=keys)


def features() -> st.SearchStrategy[Data]:
    """Columns of every type; names differ by more than case."""
    flags = {"nullable": st.booleans(), "log": st.booleans()}
    numeric = st.fixed_dictionaries(
        {"type": st.sampled_from(_NUMERIC)},
        optional={"min": st.integers(-9, 0), "max": st.integers(1, 9) | st.just(1.5), **flags},
    )
    category = st.fixed_dictionaries(
        {"type": st.just("category"), "values": st.lists(_NAMES, min_size=1, max_size=3, unique=True)}, optional=flags
    )
    plain = st.fixed_dictionaries({"type": st.sampled_from(["string", "boolean"])}, optional=flags)
    return st.dictionaries(_NAMES, numeric | category | plain, min_size=1, max_size=4)


@st.composite
def models(draw: st.DrawFn) -> Data:
    """A model folder, its columns and its prediction."""
    model: Data = {
        "uri": draw(st.sampled_from(["gs://acme-models/churn/2026-11-20/", "./model", "models/churn"])),
        "features": draw(features()),
        "prediction": {"name": draw(_NAMES), **draw(_optional(type=st.sampled_from(["number", "string"])))},
    }
    # A prediction that is logged needs a column of its own.
    model["features"].pop(model["prediction"]["name"], None)
    model["features"] = model["features"] or {"only": {"type": "number"}}
    if model["prediction"]["name"] == "only":
        model["prediction"]["name"] = "answer"
    model |= draw(
        _optional(
            version=st.sampled_from(["2026-11-20", "1.10", "7"]),
            framework=st.sampled_from(["onnx", "sklearn", "custom"]),
            file=st.sampled_from(["model.onnx", "scorer.py:Scorer"]),
            sha256=st.just("0" * 64),
            trustedTypes=st.just(["acme.steps.Clip"]),
        )
    )
    if model.get("framework") == "custom":  # a class is code
        model["sha256"] = "0" * 64
    return model


@st.composite
def monitorings(draw: st.DrawFn, model: Data) -> Data:
    """Whatever is watched has what it needs."""
    # A comparison has a column, and a limit is of one that is logged.
    logged = sorted(name for name, each in model["features"].items() if each.get("log", True))
    watched = st.sampled_from(logged) if logged else st.nothing()
    distances = st.fixed_dictionaries(
        {"default": _DISTANCES}, optional={"features": st.dictionaries(watched, _DISTANCES, max_size=2)}
    )
    compared = {
        "skew": distances,
        "drift": st.builds(lambda base, span: {**base, "against": span}, distances, _SPANS),
        "predictionDrift": _DISTANCES,
    }
    chosen = _optional(
        schedule=st.sampled_from(["0 * * * *", "*/30 0-6 * * mon-fri"]),
        window=_SPANS,
        minSamples=st.integers(1, 5000),
        **(compared if logged else {}),
        performance=performances(model["prediction"].get("type", "number")),
        slo=_optional(availability=st.sampled_from([0.99, 0.995]), latencyP95=st.sampled_from(["250ms", "1s"])),
        dashboard=st.booleans(),
        uptime=_optional(every=st.sampled_from(["1m", "15m"]), regions=st.sampled_from([["USA"], []])),
    )
    logging = {"table": "ml_logs.churn", "sampleRate": draw(st.sampled_from([0.2, 1])), "retention": "90d"}
    drawn = {"logging": logging, "baseline": {"table": "acme.ml.training"}, **draw(chosen)}
    ordered = _numbers(model, drawn)
    for where, wanted in draw(_optional(skew=_ORDERS, drift=_ORDERS)).items():
        if where in drawn and {*ordered} & model["features"].keys():
            drawn[where] = {**drawn[where], "order": wanted}
    if "predictionDrift" in drawn and model["prediction"]["name"] in ordered:
        drawn |= draw(_optional(predictionOrder=_ORDERS))
    if ordered:
        drawn |= draw(_optional(logarithmic=st.lists(st.sampled_from(ordered), unique=True)))
    return drawn


def _numbers(model: Data, monitoring: Data) -> list[str]:
    """Columns that are compared and have a logarithm."""
    features = model["features"] if {"skew", "drift"} & monitoring.keys() else {}
    found = [name for name, each in features.items() if each["type"] in _NUMERIC and each.get("log", True)]
    predicted = model["prediction"]
    answers = "predictionDrift" in monitoring and predicted.get("type", "number") == "number"
    return [*found, *([predicted["name"]] if answers else [])]


def performances(kind: str) -> st.SearchStrategy[Data]:
    """Labels that come late, and limits that fit a prediction of that type."""
    columns = _optional(requestId=st.just("id"), rowIndex=st.just("row"), value=st.just("churned"), time=st.just("at"))
    labels = columns.map(lambda named: {"table": "ml.churn_outcomes", **named})
    every = {"labels": labels, "after": _SPANS | st.just("0s")}
    positive = {"positive": st.just("1") if kind == "integer" else st.sampled_from(["yes", "1"])}
    about_one = _optional(accuracy=_DISTANCES, precision=_DISTANCES, recall=_DISTANCES, f1=_DISTANCES).filter(bool)
    errors = _optional(mae=st.just(12), rmse=st.just(0.5), bias=st.just(1)).filter(bool)
    if kind != "number":
        return st.fixed_dictionaries({**every, "least": about_one, **positive})
    threshold = {"threshold": st.sampled_from([0.5, -1])}
    shares = st.fixed_dictionaries({**every, "least": about_one, **threshold}, optional=positive)
    return shares | st.fixed_dictionaries({**every, "most": errors})


@st.composite
def retrainings(draw: st.DrawFn) -> Data:
    """Each way to train, with and without guards."""
    image = "europe-docker.pkg.dev/acme/ml/train:1"
    run = st.sampled_from(
        [
            {"customJob": {"image": image, "args": ["--epochs", "3"], "spot": True, "env": {"A": "1.10"}}},
            {"vertexPipeline": {"template": "gs://acme-ml/train.yaml", "parameters": {"rows": "010"}}},
            {"cloudRunJob": {"name": "train", "args": ["--fast"]}},
            {"bigqueryML": {"query": "CREATE OR REPLACE MODEL ml.churn AS SELECT 1"}},
            {"webhook": {"url": "https://train.acme.example/hook"}},
        ]
    )
    guards = _optional(
        cooldown=_SPANS,
        maxConcurrent=st.integers(1, 3),
        maxPerMonth=st.integers(2, 60),
        minNewRows=st.just({"table": "acme.ml.churn", "atLeast": 1000}),
        maxCostPerRun=st.sampled_from([0.5, 40]),
        openCircuitAfter=_optional(failures=st.integers(1, 5), pause=_SPANS),
    )
    evaluation = st.fixed_dictionaries(
        {"metric": st.sampled_from(["auroc", "rmse"])},
        optional={
            "metrics": st.just("out/metrics.json"),
            "better": st.sampled_from(["Higher", "Lower"]),
            "minGain": st.sampled_from([0, 0.002]),
            "dataset": st.sampled_from(["gs://acme-data/holdout.csv", "acme.ml.holdout"]),
        },
    )
    rest = _optional(
        timeout=_SPANS,
        guards=guards,
        parameters=st.just({"lookback_days": "180"}),
        evaluation=evaluation,
        promote=st.sampled_from(["Auto", "PullRequest", "Never"]),
    )
    drawn = {"run": draw(run), **draw(rest)}
    if "bigqueryML" in drawn["run"] and "dataset" in drawn.get("evaluation", {}):
        drawn["evaluation"]["dataset"] = "acme.ml.holdout"  # it measures on tables alone
    return drawn


@st.composite
def trigger_lists(draw: st.DrawFn, monitoring: Data) -> list[Data]:
    """Triggers of every sort; breaches only of what is monitored."""
    monitored = [key for key in ("skew", "drift", "predictionDrift", "performance", "slo") if key in monitoring]
    whens = [
        st.fixed_dictionaries({"schedule": st.just("0 3 * * 1")}, optional={"timeZone": st.just("Europe/Paris")}),
        st.fixed_dictionaries({"pubsub": _TOPICS}),
        st.fixed_dictionaries({"storage": st.sampled_from(["gs://acme-data/churn/", "gs://acme-data"])}),
    ]
    if monitored:
        breaches = st.lists(st.sampled_from(monitored), min_size=1, unique=True)
        whens.append(st.fixed_dictionaries({"breach": breaches}, optional={"consecutive": st.integers(1, 3)}))
    drawn = draw(st.lists(st.one_of(whens), max_size=3))
    return [{"name": f"trigger-{index}", "when": when} for index, when in enumerate(drawn)]


@st.composite
def rollouts(draw: st.DrawFn) -> Data:
    """A strategy that moves traffic by itself; a canary's steps rise."""
    gates = _optional(
        minRequests=st.integers(1, 1000),
        onInsufficientData=st.sampled_from(["Hold", "Proceed", "Rollback"]),
        errorRate=_DISTANCES,
        latencyP95=st.just("250ms"),
        predictionDrift=_DISTANCES,
    )
    rollout: Data = {"strategy": draw(st.sampled_from(["AllAtOnce", "BlueGreen", "Canary"]))}
    if rollout["strategy"] == "Canary":
        percents = sorted(draw(st.sets(st.integers(1, 100), min_size=1, max_size=4)))
        hold = st.fixed_dictionaries({}, optional={"hold": st.sampled_from(["15m", "90s"]), "approval": st.booleans()})
        rollout["steps"] = [{"traffic": percent, **draw(hold)} for percent in percents]
    smoke = _optional(
        requests=st.lists(
            st.fixed_dictionaries({"path": st.just("/health")}, optional={"status": st.sampled_from([200, 404])}),
            min_size=1,
            max_size=2,
        ),
        within=st.sampled_from(["0s", "10m"]),
    ).map(lambda said: {"requests": [{"path": "/"}], **said})
    return rollout | draw(_optional(smoke=smoke, gates=gates, onFailure=st.sampled_from(["Rollback", "Hold"])))


@st.composite
def budgets(draw: st.DrawFn) -> Any:
    """The shorthand, or the whole section."""
    amount = draw(st.integers(1, 9999) | st.sampled_from([0.1, 99.95, 1234.567]))
    steps = [
        {"at": 0.8, "do": "Notify"},
        {"at": 0.9, "do": "FreezeRetraining"},
        {"at": 1, "do": "ScaleToZero"},
        {"at": 1.0, "do": "CapInstances", "maxInstances": 2},
        {"at": 1.2, "do": "CapInstances", "maxInstances": 1},
        {"at": 1.5, "do": "StopJobs"},
    ]
    # A cap may be below `minInstances` only where nothing is kept warm any more.
    chosen_steps = st.sets(st.integers(0, 5), max_size=3).map(lambda some: some | ({2} if some & {3, 4} else set()))
    rest = _optional(
        currency=st.just("EUR"),
        label=st.just("mlservice-service"),
        export=st.just("billing.gcp_billing_export_v1_0A1B2C_3D4E5F_6A7B8C"),
        planLimit=st.integers(1, 9999),
        alerts=_FRACTIONS,
        actions=chosen_steps.map(lambda some: [steps[index] for index in sorted(some)]),
    )
    chosen = draw(rest)
    if chosen.get("actions"):
        chosen["currency"] = "EUR"  # steps compare amounts
    return {"amount": amount, **chosen} if chosen else amount


def notification_lists() -> st.SearchStrategy[list[Data]]:
    """Receivers of every sort, each once."""
    events = _optional(
        events=st.lists(st.sampled_from(["RolloutFailed", "DriftDetected", "BudgetExceeded"]), min_size=1, unique=True)
    )
    receivers = [{"email": "ml@acme.example"}, {"pubsub": "ml-events"}, {"webhook": "https://acme.example/hook"}]
    return st.lists(st.sampled_from(range(3)), unique=True).flatmap(
        lambda chosen: st.tuples(
            *(events.map(lambda extra, i=index: {**receivers[i], **extra}) for index in chosen)
        ).map(list)
    )


def copied_by(spec: Data) -> bool:
    """Tell whether requests of a service can be copied to its next version, and something judges the answers."""
    access, runtime, rollout = (spec.get(each, {}) for each in ("access", "runtime", "rollout"))
    judged = {"errorRate", "latencyP95", "predictionDrift"} & rollout.get("gates", {}).keys()
    json = "json" in runtime.get("protocols", ["json"]) and "shadow" not in runtime
    inside = access.get("ingress", "All") != "All" or access.get("authentication") == "IAP" or access.get("iap")
    return bool(judged) and json and not inside and "image" not in spec


@st.composite
def whole_specs(draw: st.DrawFn) -> Data:
    """A valid service that may have any section, each with what it needs."""
    data = draw(service_specs(secrets=("token",), manual_traffic=False))
    spec = data["spec"]
    spec["model"] = draw(models())
    spec["monitoring"] = draw(monitorings(spec["model"]))
    spec["retraining"] = draw(retrainings())
    if spec["retraining"].get("promote") == "Auto":
        spec["model"].pop("version", None)
        spec["model"].pop("sha256", None)  # no model that is yet to come has it
        spec["model"] |= {"alias": "champion", **draw(_optional(name=st.sampled_from(["churn", "leavers_2"])))}
    spec["rollout"] = draw(rollouts())
    if not (spec["monitoring"].get("logging") and spec["model"].get("prediction")):
        spec["rollout"].get("gates", {}).pop("predictionDrift", None)  # there are no predictions to compare
    if copied_by(spec) and draw(st.booleans()):
        said = _optional(percent=st.integers(1, 100), **{"for": st.sampled_from(["5m", "1h"])})
        spec["rollout"]["shadow"] = draw(said)
    optional: dict[str, st.SearchStrategy[Any]] = {
        "triggers": trigger_lists(spec["monitoring"]),
        "budget": budgets(),
        "notifications": notification_lists(),
    }
    spec |= {key: draw(strategy) for key, strategy in optional.items() if draw(st.booleans())}
    spec["management"] |= draw(
        _optional(
            mode=st.sampled_from(["Enforce", "Observe"]),
            prune=st.sampled_from(["Owned", "Never"]),
            adopt=st.sampled_from(["Never", "IfIdentical", "Always"]),
            externallyOwned=st.lists(st.sampled_from(["scaling.maxInstances", "env", "image.uri"]), unique=True),
        )
    )
    return data
