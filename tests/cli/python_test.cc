// Weights to and from Python's packages, where Python has them: COMPOSER_TEST_PYTHON names the
// interpreter. What files that Python wrote become is in import_export_test.cc, for any machine.

#include <gtest/gtest.h>

#include <cstdlib>
#include <string>

#include "absl/strings/str_cat.h"
#include "tests/cli/run_command.h"

namespace composer::testing {
namespace {

class PythonTest : public ::testing::TestWithParam<const char*> {};

TEST_P(PythonTest, WeightsGoBothWays) {
  const char* const given = std::getenv("COMPOSER_TEST_PYTHON");
  if (given == nullptr) {
    GTEST_SKIP() << "COMPOSER_TEST_PYTHON, which names an interpreter, is not set";
  }
  const std::string command = absl::StrCat("cd ", fresh_folder(), " && ", given, " ",
                                           data_file("tests/cli/python_round_trips.py"), " ",
                                           data_file("composer/cli/composer"), " ", GetParam());
  const int status = std::system(command.c_str());
  ASSERT_TRUE(WIFEXITED(status)) << command;
  if (WEXITSTATUS(status) == 77) GTEST_SKIP() << given << " lacks a package";
  EXPECT_EQ(WEXITSTATUS(status), 0) << command;
}

INSTANTIATE_TEST_SUITE_P(All, PythonTest,
                         ::testing::Values("forward", "torchvision", "mosaicml", "transformers"),
                         [](const auto& info) { return std::string(info.param); });

}  // namespace
}  // namespace composer::testing
