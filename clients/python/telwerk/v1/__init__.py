"""The generated messages and stubs of the contract, package `telwerk.v1`."""
