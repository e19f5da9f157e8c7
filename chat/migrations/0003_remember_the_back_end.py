from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("chat", "0002_cut_turns_and_kept_headers")]

    operations = [
        migrations.AddField(
            model_name="conversation",
            name="back_end",
            field=models.CharField(db_default="bing", default="bing", max_length=8),
        )
    ]
