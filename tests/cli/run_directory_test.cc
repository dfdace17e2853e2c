#include "composer/cli/run_directory.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <string>

#include "absl/strings/match.h"
#include "composer/base/status.h"
#include "tests/cli/run_command.h"

namespace composer {
namespace {

namespace fs = std::filesystem;
using testing::fresh_folder;
using testing::write_text;

TEST(RunDirectoryTest, GoesAwayWithAllThatItMadeUnlessKept) {
  const std::string folder = fresh_folder();
  {
    const auto run = RunDirectory::create(folder + "/a/b", "run");
    ASSERT_TRUE(run.ok()) << run.status();
    write_text(run->path() + "/file", "text");
    EXPECT_TRUE(fs::exists(folder + "/a/b/run/file"));
  }
  EXPECT_TRUE(fs::is_empty(folder));
  {
    auto run = RunDirectory::create(folder + "/a/b", "run");
    ASSERT_TRUE(run.ok());
    run->keep();
  }
  EXPECT_TRUE(fs::exists(folder + "/a/b/run"));
}

TEST(RunDirectoryTest, LeavesFoldersThatWereThere) {
  const std::string folder = fresh_folder();
  fs::create_directories(folder + "/runs/other");
  { ASSERT_TRUE(RunDirectory::create(folder + "/runs", "mine").ok()); }
  EXPECT_TRUE(fs::exists(folder + "/runs/other"));
  EXPECT_FALSE(fs::exists(folder + "/runs/mine"));
}

TEST(RunDirectoryTest, RefusesAFolderThatExistsAndLeavesIt) {
  const std::string folder = fresh_folder();
  fs::create_directories(folder + "/mine");
  const absl::Status status = RunDirectory::create(folder, "mine").status();
  EXPECT_EQ(status.code(), absl::StatusCode::kAlreadyExists);
  EXPECT_EQ(field_of(status), "run_name");
  EXPECT_TRUE(fs::exists(folder + "/mine"));
}

TEST(RunDirectoryTest, RefusesNamesThatArePathsAndOutputDirsThatAreFiles) {
  const std::string folder = fresh_folder();
  for (const char* name : {"", ".", "..", "a/b", "/a"}) {
    EXPECT_EQ(field_of(RunDirectory::create(folder, name).status()), "run_name") << name;
  }
  write_text(folder + "/file", "");
  EXPECT_EQ(field_of(RunDirectory::create(folder + "/file", "a").status()), "output_dir");
}

TEST(RunDirectoryTest, SaysHowARunIsContinued) {
  const std::string folder = fresh_folder();
  fs::create_directories(folder + "/mine");
  const absl::Status status = RunDirectory::create(folder, "mine").status();
  EXPECT_TRUE(absl::StrContains(status.message(), "add --resume to continue")) << status;
}

TEST(RunDirectoryTest, ResumesTheFolderOfARunAndLeavesItThere) {
  const std::string folder = fresh_folder();
  {
    auto run = RunDirectory::create(folder, "mine");
    ASSERT_TRUE(run.ok()) << run.status();
    run->keep();
  }
  {
    const auto run = RunDirectory::resume(folder, "mine");
    ASSERT_TRUE(run.ok()) << run.status();
    EXPECT_EQ(run->path(), folder + "/mine");
    EXPECT_TRUE(run->locked());
  }
  EXPECT_TRUE(fs::exists(folder + "/mine"));
}

TEST(RunDirectoryTest, ResumesNeitherWhatIsNotThereNorWhatIsNoRun) {
  const std::string folder = fresh_folder();
  EXPECT_EQ(RunDirectory::resume(folder, "mine").status().code(), absl::StatusCode::kNotFound);
  fs::create_directories(folder + "/photos");
  write_text(folder + "/photos/a.jpeg", "");
  const absl::Status status = RunDirectory::resume(folder, "photos").status();
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_TRUE(absl::StrContains(status.message(), "not the folder of a run")) << status;
}

TEST(RunDirectoryTest, IsOneProcesssAtATime) {
  const std::string folder = fresh_folder();
  const auto run = RunDirectory::create(folder, "mine");
  ASSERT_TRUE(run.ok());
  for (const absl::Status& status : {RunDirectory::resume(folder, "mine").status(),
                                     RunDirectory::create(folder, "mine").status()}) {
    EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition) << status;
    EXPECT_TRUE(absl::StrContains(status.message(), "in use by process ")) << status;
  }
  EXPECT_TRUE(fs::exists(folder + "/mine/.lock"));
}

TEST(DerivedRunNameTest, IsTheConfigsNameAndTheTime) {
  const absl::Time time =
      absl::FromCivil(absl::CivilSecond(2026, 11, 21, 9, 5, 7), absl::LocalTimeZone());
  EXPECT_EQ(derived_run_name("examples/fashion_mnist.textproto", time),
            "fashion_mnist-20261121-090507");
}

}  // namespace
}  // namespace composer
