# One image for every part: web, worker and migrations differ by their command (compose.yaml).
FROM python:3.13-slim

ENV PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    PIP_NO_CACHE_DIR=1 \
    PIP_DISABLE_PIP_VERSION_CHECK=1

WORKDIR /app

# Before the code, so that a change of code does not install everything again.
COPY requirements-prod.txt ./
RUN pip install --require-hashes --only-binary=:all: -r requirements-prod.txt

COPY manage.py ./
COPY bingproject ./bingproject
COPY accounts ./accounts
COPY chat ./chat
COPY creator ./creator

# Collected at build: no part writes into the image when it runs. The keys that settings make for this one command go
# with the folder.
RUN DATA_DIR=/tmp/build python manage.py collectstatic --noinput --verbosity 0 \
    && rm -rf /tmp/build \
    && python -m compileall -q manage.py bingproject accounts chat creator \
    && useradd --system --uid 10001 --no-create-home --shell /usr/sbin/nologin bingproject \
    && install -d -o bingproject -g bingproject -m 0700 /data

USER bingproject

# Every address inside the container; ACCESS is therefore `keys` unless the start is refused.
ENV HOST=0.0.0.0 \
    PORT=7860 \
    DATA_DIR=/data

EXPOSE 7860
VOLUME /data

HEALTHCHECK --interval=10s --timeout=5s --start-period=20s --retries=3 \
    CMD ["python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:7860/healthz', timeout=4)"]

# Django does the proxies (TRUSTED_PROXIES) and the log lines itself; there are no WebSockets to serve.
# The time-out is the last resort: who waits is answered at once, and chats after a second.
CMD ["uvicorn", "bingproject.asgi:application", "--host", "0.0.0.0", "--port", "7860", \
     "--http", "bingproject.edge.http_protocol:GuardedHttpProtocol", "--lifespan", "on", "--ws", "none", "--no-proxy-headers", "--no-server-header", "--no-access-log", \
     "--timeout-graceful-shutdown", "10"]
