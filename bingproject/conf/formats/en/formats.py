"""Times with seconds and their zone: operators compare pages with logs, and with people elsewhere."""

DATETIME_FORMAT = "Y-m-d H:i:s T"
