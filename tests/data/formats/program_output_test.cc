#include "composer/data/formats/program_output.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <string>

#include "absl/status/status.h"
#include "absl/strings/match.h"
#include "tests/data/formats/idx_files.h"

namespace composer {
namespace {

constexpr size_t kLimit = 1 << 20;

// A program of the test's own that runs `script`.
std::string program(const std::string& script) {
  const std::string path = make_folder() + "/program";
  write_file(path, "#!/bin/sh\n" + script);
  EXPECT_EQ(chmod(path.c_str(), 0755), 0);
  return path;
}

TEST(ProgramOutputTest, GivesWhatAProgramPrintsInBothWays) {
  const auto output =
      program_output({program("echo \"$#: $1, $2\"; cat; echo error >&2"), "a b", "$c"}, kLimit);
  ASSERT_TRUE(output.ok()) << output.status();
  EXPECT_EQ(*output, "2: a b, $c\nerror\n");
}

TEST(ProgramOutputTest, ReadsMoreThanAPipeHolds) {
  const auto output = program_output({program("head -c 500000 /dev/zero")}, kLimit);
  ASSERT_TRUE(output.ok()) << output.status();
  EXPECT_EQ(*output, std::string(500000, '\0'));
}

TEST(ProgramOutputTest, NamesAMissingProgram) {
  const absl::Status status = program_output({"/no/such/program"}, kLimit).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kNotFound) << status;
  EXPECT_TRUE(absl::StrContains(status.message(), "/no/such/program cannot be started")) << status;
}

TEST(ProgramOutputTest, RefusesAFolder) {
  EXPECT_FALSE(program_output({make_folder()}, kLimit).ok());
}

TEST(ProgramOutputTest, SaysHowAProgramFailed) {
  const absl::Status failed = program_output({program("echo no data; exit 3")}, kLimit).status();
  EXPECT_EQ(failed.code(), absl::StatusCode::kInternal);
  EXPECT_TRUE(absl::StrContains(failed.message(), "failed with exit code 3: no data")) << failed;
  const absl::Status killed = program_output({program("kill -9 $$")}, kLimit).status();
  EXPECT_TRUE(absl::StrContains(killed.message(), "was ended by signal 9")) << killed;
}

TEST(ProgramOutputTest, EndsAProgramThatDoesNotEnd) {
  const absl::Status status = program_output({program("exec yes")}, kLimit).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kResourceExhausted) << status;
  EXPECT_TRUE(absl::StrContains(status.message(), "more than 1048576 bytes")) << status;
}

}  // namespace
}  // namespace composer
