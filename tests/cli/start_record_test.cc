#include "composer/cli/start_record.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <string>

#include "composer/checkpoint/checkpoint.h"
#include "composer/checkpoint/start_attempts.h"
#include "tests/cli/run_command.h"

namespace composer {
namespace {

class StartRecordTest : public ::testing::Test {
 protected:
  void save(const std::string& name) {
    Checkpoint checkpoint;
    checkpoint.state.set("model", StateDict());
    checkpoint.state.set("optimizers", StateDict());
    const absl::Status status = write_checkpoint(parent_, name, checkpoint);
    ASSERT_TRUE(status.ok()) << status;
  }
  bool is_noted() const { return std::filesystem::exists(attempts_path(checkpoint_)); }

  const std::string parent_ = testing::fresh_folder();
  const std::string checkpoint_ = parent_ + "/a";
};

TEST_F(StartRecordTest, AStartCountsAsFailedUntilTheNextCheckpoint) {
  save("a");
  StartRecord record(checkpoint_);
  ASSERT_TRUE(record.begin().ok());
  EXPECT_EQ(failed_starts(checkpoint_), 1);
  record.look_at_last();
  EXPECT_EQ(failed_starts(checkpoint_), 1);
  save("b");
  record.look_at_last();
  EXPECT_EQ(failed_starts(checkpoint_), 0);
  EXPECT_FALSE(is_noted());
}

TEST_F(StartRecordTest, ACheckpointOfTheSameNameIsTheNextOne) {
  save("a");
  StartRecord record(checkpoint_);
  ASSERT_TRUE(record.begin().ok());
  save("a");
  record.look_at_last();
  EXPECT_FALSE(is_noted());
}

TEST_F(StartRecordTest, StartsThatEndWithoutAWordAddUp) {
  save("a");
  for (int i = 1; i <= 2; ++i) {
    ASSERT_TRUE(StartRecord(checkpoint_).begin().ok());
    EXPECT_EQ(failed_starts(checkpoint_), i);
  }
  StartRecord record(checkpoint_);
  ASSERT_TRUE(record.begin().ok());
  record.succeed();
  EXPECT_FALSE(is_noted());
}

}  // namespace
}  // namespace composer
