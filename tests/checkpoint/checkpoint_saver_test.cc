#include "composer/checkpoint/checkpoint_saver.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>
#include <sys/resource.h>

#include <csignal>
#include <filesystem>
#include <set>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "tests/checkpoint/faults/sample_checkpoint.h"
#include "tests/testing/limited_allocator.h"

namespace composer {
namespace {

namespace fs = std::filesystem;
using Names = std::set<std::string>;

std::unique_ptr<CheckpointSaver> saver_of(CheckpointSaverOptions options) {
  options.name = "ba{batch}";
  auto saver = CheckpointSaver::create(std::move(options));
  EXPECT_TRUE(saver.ok()) << saver.status();
  return *std::move(saver);
}

// Large enough that it is not written before the caller goes on.
Checkpoint checkpoint_at(int64_t batch, int64_t size = 1 << 20) {
  StateDict model;
  model.set("weight", at::full({size}, batch, at::kFloat));
  Checkpoint checkpoint;
  checkpoint.state.set("model", model);
  checkpoint.time.batch = batch;
  return checkpoint;
}

at::Tensor weight_of(const Checkpoint& checkpoint) {
  return *(*checkpoint.state.child("model"))->tensor("weight");
}

void expect_saved(const std::string& folder, int64_t batch) {
  const absl::StatusOr<Checkpoint> read = read_checkpoint(folder);
  ASSERT_TRUE(read.ok()) << read.status();
  EXPECT_EQ(read->time.batch, batch);
  EXPECT_TRUE(weight_of(*read).eq(batch).all().item<bool>());
}

TEST(CheckpointSaverTest, WhatIsSavedIsTheStateOfTheCall) {
  for (const bool background : {true, false}) {
    const std::string folder = fresh_folder();
    const auto saver = saver_of({.folder = folder, .background = background});
    EXPECT_EQ(saver->newest(), "");
    for (int64_t batch = 1; batch <= 3; ++batch) {
      const Checkpoint live = checkpoint_at(batch, 1 << 22);
      ASSERT_TRUE(saver->save(live).ok());
      if (!background) {
        EXPECT_EQ(saver->newest(), absl::StrCat(folder, "/ba", batch));
      }
      weight_of(live).fill_(-1);
    }
    ASSERT_TRUE(saver->wait().ok());
    EXPECT_EQ(saver->newest(), folder + "/ba3");
    for (int64_t batch = 1; batch <= 3; ++batch) {
      expect_saved(absl::StrCat(folder, "/ba", batch), batch);
    }
    EXPECT_EQ(fs::read_symlink(folder + "/latest"), "ba3");
  }
}

TEST(CheckpointSaverTest, OneIsInFlightAtATime) {
  const std::string folder = fresh_folder();
  const auto saver = saver_of({.folder = folder});
  for (int64_t batch = 1; batch <= 4; ++batch) {
    ASSERT_TRUE(saver->save(checkpoint_at(batch)).ok());
    if (batch > 1) expect_saved(absl::StrCat(folder, "/ba", batch - 1), batch - 1);
  }
}

TEST(CheckpointSaverTest, TheLastIsCompleteWhenTheSaverIsGone) {
  const std::string folder = fresh_folder() + "/made/for it";
  ASSERT_TRUE(saver_of({.folder = folder})->save(checkpoint_at(5)).ok());
  expect_saved(folder + "/ba5", 5);
}

TEST(CheckpointSaverTest, TheSecondSaveTakesNoMemory) {
  testing::LimitedAllocator allocator;
  const auto saver = saver_of({.folder = fresh_folder()});
  const Checkpoint first = checkpoint_at(1), second = checkpoint_at(2);
  ASSERT_TRUE(saver->save(first).ok());
  ASSERT_TRUE(saver->wait().ok());
  const int64_t before = allocator.live();
  allocator.reset_peak();
  ASSERT_TRUE(saver->save(second).ok());
  ASSERT_TRUE(saver->wait().ok());
  EXPECT_EQ(allocator.peak(), before);
  EXPECT_GE(before, static_cast<int64_t>(3 * weight_of(first).nbytes()));
}

TEST(CheckpointSaverTest, WithoutABackgroundNoCopyIsMade) {
  testing::LimitedAllocator allocator;
  const auto saver = saver_of({.folder = fresh_folder(), .background = false});
  const Checkpoint checkpoint = checkpoint_at(1);
  const int64_t before = allocator.live();
  allocator.reset_peak();
  ASSERT_TRUE(saver->save(checkpoint).ok());
  EXPECT_EQ(allocator.peak(), before);
}

TEST(CheckpointSaverTest, AFailureIsReturnedByTheNextCallWhichSavesNevertheless) {
  const std::string parent = fresh_folder(), folder = parent + "/run";
  const auto saver = saver_of({.folder = folder});
  ASSERT_TRUE(saver->save(checkpoint_at(1)).ok());
  ASSERT_TRUE(saver->wait().ok());
  // Somebody's folder of that name is not replaced.
  fs::create_directory(folder + "/ba2");
  ASSERT_TRUE(saver->save(checkpoint_at(2)).ok());
  const absl::Status failed = saver->save(checkpoint_at(3));
  EXPECT_EQ(failed.code(), absl::StatusCode::kAlreadyExists);
  EXPECT_TRUE(absl::StrContains(failed.message(), folder + "/ba2")) << failed;
  EXPECT_TRUE(saver->wait().ok());
  EXPECT_EQ(saver->newest(), folder + "/ba3");
  expect_saved(folder + "/ba1", 1);
  expect_saved(folder + "/ba3", 3);
  EXPECT_EQ(names_in(folder), Names({"ba1", "ba2", "ba3", "latest"}));
}

TEST(CheckpointSaverTest, AFolderThatCannotBeMadeIsNamed) {
  const std::string parent = fresh_folder();
  write_whole_file(parent + "/file", "");
  for (const bool background : {true, false}) {
    const auto saver = saver_of({.folder = parent + "/file/run", .background = background});
    absl::Status status = saver->save(checkpoint_at(1));
    if (background) {
      EXPECT_TRUE(status.ok()) << status;
      status = saver->wait();
    }
    EXPECT_TRUE(absl::StrContains(status.message(), "/file")) << status;
    EXPECT_TRUE(saver->wait().ok()) << "an error comes once";
    EXPECT_EQ(saver->newest(), "");
  }
}

TEST(CheckpointSaverTest, WhenThereIsNoSpaceTheLastOneStays) {
  const std::string folder = fresh_folder();
  const auto saver = saver_of({.folder = folder, .retention = {.keep_last = 1}});
  ASSERT_TRUE(saver->save(checkpoint_at(1, 100)).ok());
  ASSERT_TRUE(saver->wait().ok());
  // What a full disk is to one file.
  rlimit before;
  ASSERT_EQ(::getrlimit(RLIMIT_FSIZE, &before), 0);
  rlimit small = before;
  small.rlim_cur = 1 << 16;
  const auto handler = std::signal(SIGXFSZ, SIG_IGN);
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &small), 0);
  (void)saver->save(checkpoint_at(2));
  const absl::Status status = saver->wait();
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &before), 0);
  std::signal(SIGXFSZ, handler);
  EXPECT_FALSE(status.ok());
  EXPECT_TRUE(absl::StrContains(status.message(), "model.safetensors")) << status;
  EXPECT_EQ(saver->newest(), folder + "/ba1");
  EXPECT_EQ(names_in(folder), Names({"ba1", "latest"}));
  expect_saved(folder + "/latest", 1);
}

TEST(CheckpointSaverTest, OldOnesAreDeletedAfterEachSave) {
  const std::string folder = fresh_folder();
  const auto saver =
      saver_of({.folder = folder, .retention = {.keep_last = 2, .milestones = {Time::batches(2)}}});
  for (int64_t batch = 1; batch <= 5; ++batch) {
    ASSERT_TRUE(saver->save(checkpoint_at(batch, 10)).ok());
  }
  ASSERT_TRUE(saver->wait().ok());
  EXPECT_EQ(names_in(folder), Names({"ba2", "ba4", "ba5", "latest"}));
}

TEST(CheckpointSaverTest, WhatWasJustSavedStaysWhenTrainingWentBack) {
  const std::string folder = fresh_folder();
  const auto saver = saver_of({.folder = folder, .retention = {.keep_last = 1}});
  for (const int64_t batch : {100, 10}) {
    ASSERT_TRUE(saver->save(checkpoint_at(batch, 10)).ok());
  }
  ASSERT_TRUE(saver->wait().ok());
  EXPECT_EQ(names_in(folder), Names({"ba10", "ba100", "latest"}));
  EXPECT_EQ(fs::read_symlink(folder + "/latest"), "ba10");
}

TEST(CheckpointSaverTest, ATemplateThatIsNoneIsRefused) {
  const auto saver = CheckpointSaver::create({.folder = fresh_folder(), .name = "{epok}"});
  EXPECT_EQ(saver.status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_TRUE(absl::StrContains(saver.status().message(), "epok")) << saver.status();
}

TEST(CheckpointSaverTest, TheNameHasTheRunsNameAndTime) {
  const std::string folder = fresh_folder();
  const auto saver = CheckpointSaver::create(
      {.folder = folder, .run_name = "try", .name = "{run_name}-{batch:04}-of-{world_size}"});
  ASSERT_TRUE(saver.ok());
  Checkpoint checkpoint = checkpoint_at(12, 10);
  checkpoint.conditions.world_size = 2;
  ASSERT_TRUE((*saver)->save(checkpoint).ok());
  ASSERT_TRUE((*saver)->wait().ok());
  EXPECT_EQ((*saver)->newest(), folder + "/try-0012-of-2");
}

}  // namespace
}  // namespace composer
