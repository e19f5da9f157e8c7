from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("accounts", "0006_add_limits_scopes_and_checks")]

    operations = [
        migrations.AddField(
            model_name="account",
            name="check_asked_at",
            field=models.DateTimeField(editable=False, null=True),
        ),
        migrations.AddField(
            model_name="account",
            name="check_opens_chat",
            field=models.BooleanField(default=False, editable=False),
        ),
    ]
