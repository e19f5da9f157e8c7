from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("accounts", "0010_claim_token_renewals")]

    operations = [
        migrations.AddField(
            model_name="account",
            name="applied_digest",
            field=models.CharField(editable=False, max_length=64, null=True),
        ),
    ]
