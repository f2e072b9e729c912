from tests.by_engine import host, pytest_generate_tests

__all__ = ["host", "pytest_generate_tests"]
