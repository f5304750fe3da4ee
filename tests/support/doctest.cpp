// doctest's own code.
#define DOCTEST_CONFIG_IMPLEMENT
#include <doctest/doctest.h>
