"""Between `telwerk.v1` dimension values, which a filter can choose from, and the application's."""

from collections.abc import Sequence

from telwerk.v1 import kpi_service_pb2 as pb
from telwerkd.application.dimension_values import LISTED, Asked, Found, ValuePage
from telwerkd.domain.catalogue.kpis import CATALOGUE, KpiInfo
from telwerkd.domain.catalogue.service_times import counted_by_id
from telwerkd.domain.catalogue.specs import Dimension, Packing, ValueKind
from telwerkd.domain.catalogue.values import value_answer
from telwerkd.domain.errors import InvalidArgumentError, Reason
from telwerkd.transport.codec import page_tokens
from telwerkd.transport.codec.account.display_names import NameReader, decode_page_size
from telwerkd.transport.codec.fields import FieldError, FieldReader
from telwerkd.transport.codec.values import encode_value
from telwerkd.transport.codec.wire import encoding


def decode_asked(request: pb.ListDimensionValuesRequest, fields: FieldReader, names: NameReader) -> Asked:
    """Returns which values a request asks for.

    Raises:
        InvalidArgumentError: a field is wrong, or the token is not of this request.
    """
    dimension = _dimension(request.dimension)
    kpis = _kpis(request.kpi_ids, dimension)
    question = ""
    if request.question_id:
        if dimension is not Dimension.VALUE or kpis[0].value_kind is not ValueKind.SURVEY_ANSWER:
            raise FieldError("question_id", "belongs to the values of survey results only")
        question = fields.id("question_id", request.question_id)
    size, after = decode_page_size(request.page_size), None
    if request.page_token:
        after = page_tokens.decode(request, request.page_token, page_tokens.Text)
    return Asked(dimension, kpis, names.prefix("prefix", request.prefix), question, after, size)


def _dimension(number: int) -> Dimension:
    dimension = next((dimension for dimension in LISTED if dimension == number), None)
    if dimension is None:
        listed = ", ".join(f"DIMENSION_{dimension.name}" for dimension in LISTED)
        raise FieldError("dimension", f"{number} is not one of {listed}")
    return dimension


def _kpis(ids: Sequence[str], dimension: Dimension) -> tuple[KpiInfo, ...]:
    if len(set(ids)) < len(ids):
        raise FieldError("kpi_ids", "each KPI may be named once")
    kpis = tuple(counted_by_id(kpi_id) for kpi_id in ids)
    for info in kpis:
        if dimension not in info.dimensions:
            has = ", ".join(dimension.name.lower() for dimension in info.dimensions)
            raise InvalidArgumentError.of(
                "kpi_ids",
                f"{info.id} has no dimension {dimension.name.lower()}; it has {has}",
                Reason.UNKNOWN_DIMENSION,
            )
    if dimension is Dimension.VALUE and (len(kpis) != 1 or kpis[0].packing is not Packing.IN_SERIES):
        chosen = ", ".join(info.id for info in CATALOGUE.values() if info.packing is Packing.IN_SERIES)
        raise FieldError("kpi_ids", f"values are listed of one KPI whose values producers choose: {chosen}")
    return kpis or tuple(info for info in CATALOGUE.values() if dimension in info.dimensions)


def encode_values(request: pb.ListDimensionValuesRequest, asked: Asked, page: ValuePage) -> bytes:
    """Returns the encoded reply to a request; each value is encoded by itself, see `codec.answers`."""
    token = "" if page.next is None else page_tokens.encode(request, page.next)
    number = pb.ListDimensionValuesResponse.VALUES_FIELD_NUMBER
    values = (encoding.nested(number, _value(asked, found).SerializeToString()) for found in page.found)
    return b"".join(values) + pb.ListDimensionValuesResponse(next_page_token=token).SerializeToString()


def _value(asked: Asked, found: Found) -> pb.DimensionValue:
    if asked.dimension is not Dimension.VALUE:
        return pb.DimensionValue(id=found.id, name=found.name)
    kind = asked.kpis[0].value_kind
    own = {ValueKind.GOAL: found.id, ValueKind.SURVEY_ANSWER: value_answer(found.id)[1]}.get(kind, "")
    return pb.DimensionValue(id=own, name=found.name, value=encode_value(kind, found.id))
