"""The stubs are what the contract and the pinned plugins make, byte by byte."""

from tests.tools.conftest import make, needs


def test_the_stubs_of_go_and_typescript_regenerate_to_the_same_bytes():
    needs("go", "node", "npm")
    make("check-client-stubs")


def test_the_stubs_of_java_regenerate_to_the_same_digest():
    needs("java", "mvn")
    make("check-java-stubs")
