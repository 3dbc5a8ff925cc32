"""How events become a vector of integers, and how a vector is read. Pure; one kind a file, one line here."""

SLIS = {
    "ratio": "bongsu.slis.ratio:Ratio",
    "mean": "bongsu.slis.mean:Mean",
    "sum": "bongsu.slis.sum:Sum",
    "count": "bongsu.slis.count:Count",
    "rate": "bongsu.slis.rate:Rate",
    "quantile": "bongsu.slis.quantile:Quantile",
    "drift": "bongsu.slis.drift:Drift",
    "joint_drift": "bongsu.slis.joint:JointDrift",
    "gap": "bongsu.slis.gap:Gap",
    "quality": "bongsu.slis.quality:Quality",
    "anomaly": "bongsu.slis.anomaly:Anomaly",
    "calibration": "bongsu.slis.calibration:Calibration",
    "performance": "bongsu.slis.performance:Performance",
}
