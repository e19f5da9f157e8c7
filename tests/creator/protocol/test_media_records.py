"""JSON of the newer endpoint: a state and the media; the callers decide which of them are pictures."""

from creator.protocol.media_records import MediaRecords, read_media_records


def test_other_documents_are_none() -> None:
    """Without a list of records it is another kind of document."""
    assert read_media_records({"status": 2}, "") is None
    assert read_media_records({"records": {"status": 2}}, "") is None


def test_the_media_are_in_order() -> None:
    """URL and id of each item, whatever other fields it has."""
    document: dict[str, object] = {
        "status": 2,
        "records": [
            {"mediaItems": [{"src": "a", "thid": "b"}, {"thid": "c"}]},
            {"model": "x"},
            {"mediaItems": [{"src": "d"}]},
        ],
    }
    assert read_media_records(document, "") == MediaRecords(2, (("a", "b"), ("", "c"), ("d", "")))


def test_a_state_that_is_no_number_is_none() -> None:
    """It is neither pending nor ready."""
    found = read_media_records({"status": "ready", "records": []}, "")
    assert found == MediaRecords(None, ())
    assert not found.is_waiting
