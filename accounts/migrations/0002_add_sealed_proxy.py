from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("accounts", "0001_initial")]

    operations = [
        migrations.AddField("account", "sealed_proxy", models.TextField(default="", editable=False)),
    ]
