// The writer, the reader and what stands beside the checkpoints.
#include <gtest/gtest.h>

#include <filesystem>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "composer/checkpoint/checkpoint_reader.h"
#include "composer/checkpoint/checkpoint_writer.h"
#include "composer/checkpoint/sha256.h"
#include "composer/checkpoint/start_attempts.h"
#include "composer/checkpoint/temporary_names.h"
#include "tests/checkpoint/faults/sample_checkpoint.h"

namespace composer {
namespace {

namespace fs = std::filesystem;
using Names = std::set<std::string>;

TEST(CheckpointWriterTest, WritesFilesAManifestAndTheLink) {
  const std::string parent = fresh_folder() + "/runs/a/checkpoints";
  const std::string bytes(5'000'001, 'x');  // large enough for the second thread
  {
    const auto writer = CheckpointWriter::create(
        {.parent = parent, .name = "ba7", .time = {.batch = 7}, .metrics = {{"acc", 0.5}}});
    ASSERT_TRUE(writer.ok()) << writer.status();
    ASSERT_TRUE((*writer)->begin("large", bytes.size()).ok());
    ASSERT_TRUE((*writer)->append(bytes.data(), 1).ok());
    ASSERT_TRUE((*writer)->append(bytes.data() + 1, bytes.size() - 1).ok());
    ASSERT_TRUE((*writer)->begin("small").ok());
    ASSERT_TRUE((*writer)->append("abc", 3).ok());
    EXPECT_FALSE(fs::exists(parent + "/ba7"));
    ASSERT_TRUE((*writer)->commit().ok());
    EXPECT_FALSE((*writer)->append("d", 1).ok());
    EXPECT_FALSE((*writer)->commit().ok());
  }
  EXPECT_EQ(names_in(parent), Names({"ba7", "latest"}));
  EXPECT_EQ(names_in(parent + "/ba7"), Names({"large", "small", "manifest.json"}));
  EXPECT_EQ(fs::read_symlink(parent + "/latest"), "ba7");
  EXPECT_EQ(read_whole_file(parent + "/latest/large"), bytes);
  const auto manifest = verify_checkpoint(parent + "/ba7");
  ASSERT_TRUE(manifest.ok()) << manifest.status();
  EXPECT_EQ(manifest->time.batch, 7);
  EXPECT_EQ(manifest->metrics.at("acc"), 0.5);
  ASSERT_EQ(manifest->files.size(), 2u);
  EXPECT_EQ(manifest->files[0].sha256, sha256_of(bytes));
}

TEST(CheckpointWriterTest, WithoutACommitNothingIsLeft) {
  const std::string parent = fresh_folder();
  {
    const auto writer =
        CheckpointWriter::create({.parent = parent, .name = "ba7", .files = {{"a", 100}}});
    ASSERT_TRUE(writer.ok());
    EXPECT_EQ(names_in(parent).size(), 1u);
    ASSERT_TRUE((*writer)->begin("a").ok());
    ASSERT_TRUE((*writer)->append("abc", 3).ok());
  }
  EXPECT_EQ(names_in(parent), Names());
}

TEST(CheckpointWriterTest, WrongUseIsAnErrorThatStays) {
  const std::string parent = fresh_folder();
  const auto error = [&](auto use) {
    const auto writer =
        CheckpointWriter::create({.parent = parent, .name = "ba7", .files = {{"a", 3}}});
    use(**writer);
    const absl::Status status = (*writer)->commit();
    EXPECT_FALSE(status.ok());
    EXPECT_EQ(names_in(parent), Names());
    return std::string(status.message());
  };
  EXPECT_EQ(error([](auto& writer) { (void)writer.append("a", 1); }),
            "append before any file is begun");
  EXPECT_TRUE(absl::StrContains(error([](auto&) {}), "was to have 3 bytes, 0 were written"));
  EXPECT_TRUE(absl::StrContains(error([](auto& writer) { (void)writer.begin("../b"); }),
                                "\"../b\" can be no file"));
  EXPECT_EQ(error([](auto& writer) { (void)writer.begin("a", 4); }), "a was planned otherwise");
  EXPECT_EQ(error([](auto& writer) {
              (void)writer.begin("a");
              (void)writer.append("abc", 3);
              (void)writer.begin("a");
            }),
            "a is begun twice");
  for (const char* name : {"", "..", ".hidden", "latest", "a/b"}) {
    EXPECT_FALSE(CheckpointWriter::create({.parent = parent, .name = name}).ok()) << name;
  }
}

TEST(CheckpointWriterTest, ReplacesCheckpointsButNothingElse) {
  const std::string parent = fresh_folder();
  ASSERT_TRUE(save_sample(parent, "ba1", 1, 1).ok());
  ASSERT_TRUE(save_sample(parent, "ba1", 1, 2).ok());
  EXPECT_EQ(sample_in(parent + "/ba1"), 2);
  EXPECT_EQ(names_in(parent), Names({"ba1", "latest"}));
  fs::create_directory(parent + "/ba2");
  write_whole_file(parent + "/ba2/notes", "mine");
  const absl::Status status = save_sample(parent, "ba2", 2, 2);
  EXPECT_EQ(status.code(), absl::StatusCode::kAlreadyExists);
  EXPECT_TRUE(absl::StrContains(status.message(), "/ba2 exists and is no checkpoint")) << status;
  EXPECT_EQ(read_whole_file(parent + "/ba2/notes"), "mine");
}

TEST(CheckpointWriterTest, AFullDiskShowsBeforeAnythingIsWritten) {
  const std::string parent = fresh_folder();
  const auto writer = CheckpointWriter::create(
      {.parent = parent, .name = "ba1", .files = {{"a", 10}, {"b", uint64_t{1} << 60}}});
  ASSERT_FALSE(writer.ok());
  EXPECT_TRUE(absl::StrContains(writer.status().message(), "cannot take 1152921504606846976 bytes"))
      << writer.status();
  EXPECT_EQ(names_in(parent), Names());
}

TEST(CheckpointReaderTest, NamesEachFileThatIsWrong) {
  const std::string parent = fresh_folder(), folder = parent + "/ba1";
  ASSERT_TRUE(save_sample(parent, "ba1", 1, 1).ok());
  write_whole_file(folder + "/notes.txt", "not the checkpoint's");
  EXPECT_TRUE(verify_checkpoint(folder).ok());
  std::string model = read_whole_file(folder + "/model.safetensors");
  model[3] ^= 1;
  write_whole_file(folder + "/model.safetensors", model);
  EXPECT_TRUE(verify_sizes(folder).ok());
  write_whole_file(folder + "/optimizer.safetensors", "short");
  fs::remove(folder + "/state.pb");
  const std::string message(verify_checkpoint(folder).status().message());
  EXPECT_TRUE(absl::StartsWith(message, folder + ": model.safetensors is damaged: its SHA-256 is"))
      << message;
  EXPECT_TRUE(absl::StrContains(
      message, "; optimizer.safetensors has 5 bytes, the manifest says 300; cannot open"))
      << message;
  EXPECT_TRUE(absl::StrContains(message, "/ba1/state.pb: No such file")) << message;
}

TEST(CheckpointReaderTest, ListsByTimeWhateverTheNames) {
  const std::string parent = fresh_folder();
  EXPECT_TRUE(list_checkpoints(parent + "/missing")->empty());
  ASSERT_TRUE(save_sample(parent, "ba10", 10, 1).ok());
  ASSERT_TRUE(save_sample(parent, "ba9", 9, 1).ok());
  ASSERT_TRUE(save_sample(parent, "a", 11, 1).ok());
  fs::create_directory(parent + "/broken");
  fs::create_directory(parent + "/.hidden");
  write_whole_file(parent + "/file", "");
  const auto all = list_checkpoints(parent);
  ASSERT_TRUE(all.ok()) << all.status();
  std::vector<std::string> names;
  for (const StoredCheckpoint& one : *all) names.push_back(one.name);
  EXPECT_EQ(names, (std::vector<std::string>{"ba9", "ba10", "a", "broken"}));
  EXPECT_EQ(all->back().manifest.status().message(), parent + "/broken: there is no manifest.json");
}

TEST(CheckpointReaderTest, TakesTheOneBeforeADamagedOneAndSaysWhy) {
  const std::string parent = fresh_folder();
  for (const int batch : {1, 2, 3}) {
    ASSERT_TRUE(save_sample(parent, absl::StrCat("ba", batch), batch, batch).ok());
  }
  EXPECT_EQ(newest_sample(parent), 3);
  write_whole_file(parent + "/ba3/model.safetensors", "short");
  write_whole_file(parent + "/ba2/manifest.json", "{}");
  const auto newest = newest_good_checkpoint(parent);
  ASSERT_TRUE(newest.ok());
  ASSERT_TRUE(newest->checkpoint);
  EXPECT_EQ(newest->checkpoint->name, "ba1");
  EXPECT_EQ(newest->checkpoint->manifest->time.batch, 1);
  ASSERT_EQ(newest->refused.size(), 2u);
  EXPECT_TRUE(absl::StartsWith(newest->refused[0], parent + "/ba2/manifest.json: at byte 1"))
      << newest->refused[0];
  EXPECT_EQ(newest->refused[1],
            parent + "/ba3: model.safetensors has 5 bytes, the manifest says 700");
}

TEST(StartAttemptsTest, TwoFailedStartsMarkACheckpointBad) {
  const std::string parent = fresh_folder(), second = parent + "/ba2";
  ASSERT_TRUE(save_sample(parent, "ba1", 1, 1).ok());
  ASSERT_TRUE(save_sample(parent, "ba2", 2, 2).ok());
  EXPECT_EQ(failed_starts(second), 0);
  ASSERT_TRUE(note_start(second).ok());
  ASSERT_TRUE(note_success(second).ok());
  ASSERT_TRUE(note_start(second).ok());
  EXPECT_EQ(failed_starts(second), 1);
  EXPECT_EQ(newest_sample(parent), 2);
  ASSERT_TRUE(note_start(second).ok());
  EXPECT_EQ(newest_sample(parent), 1);
  const auto newest = newest_good_checkpoint(parent);
  ASSERT_EQ(newest->refused.size(), 1u);
  EXPECT_TRUE(absl::StrContains(newest->refused[0],
                                "/ba2 is marked bad: 2 starts from it did not reach the next"))
      << newest->refused[0];
  EXPECT_TRUE(absl::StrContains(newest->refused[0], "remove " + attempts_path(second)));
  // Training comes by again, with other numbers.
  ASSERT_TRUE(save_sample(parent, "ba2", 2, 3).ok());
  EXPECT_EQ(failed_starts(second), 0);
  EXPECT_EQ(newest_sample(parent), 3);
  write_whole_file(attempts_path(second), "nonsense");
  EXPECT_EQ(failed_starts(second), 0);
}

TEST(LeftoversTest, OnlyThoseOfProcessesThatAreGoneAreRemoved) {
  const std::string parent = fresh_folder();
  ASSERT_TRUE(save_sample(parent, "ba1", 1, 1).ok());
  const auto leave = [&](const std::string& name) {
    fs::create_directories(absl::StrCat(parent, "/", name, "/folder"));
    write_whole_file(absl::StrCat(parent, "/", name, "/folder/file"), "x");
  };
  leave(".ba2.composer-new-elsewhere-1-1-0");
  leave(".ba2.tmp-1");
  leave(".composer-new-elsewhere-1-1-0");
  leave("ba9.composer-new-elsewhere-1-1-0");
  const Names others = names_in(parent);
  leave(fs::path(unused_temporary_path(parent, "ba2", TemporaryKind::kNew)).filename());
  leave(fs::path(unused_temporary_path(parent, "ba2", TemporaryKind::kNew)).filename());
  leave(fs::path(unused_temporary_path(parent, "ba3", TemporaryKind::kDeleted)).filename());
  EXPECT_EQ(names_in(parent).size(), others.size() + 3);
  EXPECT_EQ(remove_leftovers(parent, /*alone=*/true)->size(), 1u);  // this process runs
  leave(".ba2.composer-new-elsewhere-1-1-0");
  give_to_dead_process(parent);
  const auto removed = remove_leftovers(parent, /*alone=*/false);
  ASSERT_TRUE(removed.ok()) << removed.status();
  EXPECT_EQ(removed->size(), 3u);
  EXPECT_EQ(names_in(parent), others);
  EXPECT_TRUE(remove_leftovers(parent + "/missing", /*alone=*/true)->empty());
}

TEST(LeftoversTest, WhatNothingReplacedGetsItsNameBack) {
  const std::string parent = fresh_folder();
  ASSERT_TRUE(save_sample(parent, "ba1", 1, 1).ok());
  const auto put_aside = [&] {
    fs::rename(parent + "/ba1", unused_temporary_path(parent, "ba1", TemporaryKind::kReplaced));
    give_to_dead_process(parent);
  };
  put_aside();
  ASSERT_TRUE(remove_leftovers(parent, /*alone=*/false).ok());
  EXPECT_EQ(sample_in(parent + "/ba1"), 1);
  put_aside();
  ASSERT_TRUE(save_sample(parent, "ba1", 1, 2).ok());
  ASSERT_TRUE(remove_leftovers(parent, /*alone=*/false).ok());
  EXPECT_EQ(sample_in(parent + "/ba1"), 2);
  EXPECT_EQ(names_in(parent), Names({"ba1", "latest"}));
}

}  // namespace
}  // namespace composer
