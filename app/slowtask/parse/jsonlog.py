"""PARSE: take the JSON lines of other programs: what they carry, or the run that their fields tell of."""

from collections.abc import Mapping
from typing import Any

from slowtask.parse.carried import ESCAPE, CarriedReader
from slowtask.parse.envelope import is_part, join_envelopes, read_envelope
from slowtask.parse.fields import Record
from slowtask.parse.format import COLOUR, Unreadable
from slowtask.parse.head import Head
from slowtask.parse.items import Reason
from slowtask.parse.ndjson import DATASET_WORD, OWN_LINE_START
from slowtask.parse.peel import may_tell_of_a_run, peel


class JsonLogReader(CarriedReader):
    """Takes JSON objects that slowtask didn't write."""

    def _read_json(self, content: Mapping[str, Any], line: bytes, number: int, offset: int) -> None:
        """Take a JSON object of another program: what it carries, or the run that its fields tell of."""
        record = Record(content, self._context.custom.field_names)
        with self._within(join_envelopes(self._context.envelope, read_envelope(record))):
            try:
                if not self._read_record(record, number, offset):
                    self._refuse_json(Reason.FOREIGN, line, number, offset)
            except Unreadable as error:
                self._report.refuse(error.reason, line, number, offset, error.detail)

    def _read_record(self, record: Record, number: int, offset: int) -> bool:
        """Take the event of *record*, or else its text, line by line; False if it has none of them."""
        text = record.find("text")
        event = text if isinstance(text, str) else ""
        if self._emit_structured(self._structured.read(event, record, None, number, offset)):
            return True
        if not event:
            return False
        output = self._context.envelope.output if self._context.envelope else ""
        carried = event.encode("utf-8", "replace")
        whole = self._stream.join_part(carried, output, goes_on=is_part(record, carried))
        if whole is None:
            return True
        first, *others = whole.rstrip(b"\n").split(b"\n")
        self._read_text(first.rstrip(b"\r"), record, number, offset)
        for each in [*others, *(record.find_text("traceback") or "").encode().split(b"\n")]:
            if each:
                self._stream.cause.read(each)
        return True

    def _read_text(self, text: bytes, record: Record, number: int, offset: int) -> None:
        """Take the first line of what a JSON object carries; its fields are the head of a bare sentence."""
        if ESCAPE in text:
            text = COLOUR.sub(b"", text)
        log_format = self._formats.get(text[0]) if text else None
        if log_format is not None and log_format.reads_at_once(text):
            self._take(log_format, text, number, offset)
            return
        peeled = peel(text)
        if peeled.head is None and (record.find("level") is not None or record.find("logger") is not None):
            process, logger = (record.find_text(kind) for kind in ("process", "logger"))
            peeled = peeled._replace(
                head=Head(
                    end=0,
                    level=b"INFO",
                    process=process.encode() if process else None,
                    logger=logger.encode() if logger else None,
                )
            )
        if peeled.envelope is not None:
            self._read_enveloped(peeled, number, offset)
        else:
            self._read_carried(text, peeled, number, offset)

    def _refuse_json(self, reason: Reason, line: bytes, number: int, offset: int) -> None:
        """Take JSON that is broken, or carries nothing that is known."""
        self._stream.inside = False
        if OWN_LINE_START in line or DATASET_WORD in line or may_tell_of_a_run(line):
            self._report.refuse(reason, line, number, offset)
        else:
            self._report.pass_over(line, number, offset)
