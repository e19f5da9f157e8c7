#!/usr/bin/env bash
# Versions   djangorestframework 3.18.3 with Django 5.2.19 (Python 3.11 and later).
# Behaviour  DRF's request refers to itself: it stores itself in its own parser_context["request"]. Reference counting
#            cannot free it, so the body that a view has read, raw and parsed, stays in memory after the answer until the
#            garbage collector runs over the oldest generation, which a process may not do for minutes: it counts
#            objects, not bytes. Ten answered uploads of 4 MB hold 116 MB. A Django view without DRF frees each at once.
# Output     plain Django view: 0 MB held after 10 answers
#            DRF view: 116 MB held after 10 answers, 0 MB after gc.collect()
# Date       2026-12-01
# Source     seen by running this; rest_framework/request.py, Request.__init__ (parser_context['request'] = self).
set -euo pipefail
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
cd "$place"
python3 -m venv env
env/bin/pip install --quiet --disable-pip-version-check django==5.2.19 djangorestframework==3.18.3
cat >check.py <<'END'
import gc
import json
import sys
import tracemalloc

import django
from django.conf import settings

settings.configure(
    SECRET_KEY="x", DATA_UPLOAD_MAX_MEMORY_SIZE=None, ALLOWED_HOSTS=["*"], REST_FRAMEWORK={"UNAUTHENTICATED_USER": None}
)
django.setup()
from django.http import HttpResponse
from django.test import RequestFactory
from rest_framework.parsers import JSONParser
from rest_framework.response import Response
from rest_framework.views import APIView


def plain(request):
    return HttpResponse(str(len(json.loads(request.body)["picture"])))


class View(APIView):
    authentication_classes = permission_classes = ()
    parser_classes = (JSONParser,)

    def post(self, request):
        return Response(len(request.data["picture"]))


def held_megabytes(view):
    content = json.dumps({"picture": "a" * 4_000_000})
    gc.collect()
    before = tracemalloc.get_traced_memory()[0]
    for _ in range(10):
        response = view(RequestFactory().post("/", content, content_type="application/json"))
        assert response.status_code == 200
        del response
    return round((tracemalloc.get_traced_memory()[0] - before - len(content)) / 1e6)


gc.disable()  # as between two runs over the oldest generation
tracemalloc.start()
held_megabytes(plain)  # what is imported at the first call
of_plain = held_megabytes(plain)
of_drf = held_megabytes(View.as_view())
gc.collect()
left = round(tracemalloc.get_traced_memory()[0] / 1e6)
print(f"plain Django view: {max(of_plain, 0)} MB held after 10 answers")
print(f"DRF view: {of_drf} MB held after 10 answers, {0 if left < 10 else left} MB after gc.collect()")
sys.exit(0 if of_plain <= 4 and of_drf >= 40 and left < 10 else 1)
END
env/bin/python check.py
