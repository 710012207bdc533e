"""What settings there are."""

from telwerkd.server.settings.settings import Settings


def test_the_schema_of_the_file_has_every_setting_and_no_other():
    schema = Settings.model_json_schema()
    assert list(schema["properties"]) == list(Settings.model_fields)
    assert schema["additionalProperties"] is False
    for name, described in schema["properties"].items():
        assert described["description"] == Settings.model_fields[name].description
    assert schema["properties"]["database"]["default"] == "telwerk.db"
    assert schema["properties"]["names_max"]["exclusiveMinimum"] == 0
