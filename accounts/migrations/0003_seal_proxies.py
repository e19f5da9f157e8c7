from django.db import migrations

from bingproject.seals import seal, unseal


def seal_proxies(apps, schema_editor):
    for account in apps.get_model("accounts", "Account").objects.exclude(proxy=""):
        account.sealed_proxy = seal(account.proxy)
        account.save(update_fields=["sealed_proxy"])


def unseal_proxies(apps, schema_editor):
    for account in apps.get_model("accounts", "Account").objects.exclude(sealed_proxy=""):
        account.proxy = unseal(account.sealed_proxy)
        account.save(update_fields=["proxy"])


class Migration(migrations.Migration):
    dependencies = [("accounts", "0002_add_sealed_proxy")]

    operations = [migrations.RunPython(seal_proxies, unseal_proxies)]
