#include "tests/checkpoint/faults/sample_checkpoint.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <random>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "composer/base/process_identity.h"
#include "composer/base/status.h"
#include "composer/checkpoint/checkpoint_reader.h"
#include "composer/checkpoint/checkpoint_writer.h"

namespace composer {
namespace {

constexpr char kSeed[] = "seed";

std::string random_bytes(size_t size, std::mt19937_64& random) {
  std::string bytes(size, '\0');
  for (char& byte : bytes) byte = static_cast<char>(random());
  return bytes;
}

}  // namespace

std::map<std::string, std::string> sample_files(int64_t seed) {
  std::mt19937_64 random(static_cast<uint64_t>(seed));
  return {{"model.safetensors", random_bytes(700, random)},
          {"optimizer.safetensors", random_bytes(300, random)},
          {"state.pb", ""}};
}

absl::Status save_sample(const std::string& parent, const std::string& name, int64_t batch,
                         int64_t seed) {
  COMPOSER_ASSIGN_OR_RETURN(
      const auto writer, CheckpointWriter::create({.parent = parent,
                                                   .name = name,
                                                   .time = {.batch = batch},
                                                   .metrics = {{kSeed, static_cast<double>(seed)}},
                                                   .files = {{"model.safetensors", 700}}}));
  for (const auto& [file, bytes] : sample_files(seed)) {
    COMPOSER_RETURN_IF_ERROR(writer->begin(file));
    const size_t half = bytes.size() / 2;
    COMPOSER_RETURN_IF_ERROR(writer->append(bytes.data(), half));
    COMPOSER_RETURN_IF_ERROR(writer->append(bytes.data() + half, bytes.size() - half));
  }
  return writer->commit();
}

std::optional<int64_t> sample_in(const std::string& folder) {
  const absl::StatusOr<Manifest> manifest = verify_checkpoint(folder);
  if (!manifest.ok() || manifest->metrics.count(kSeed) == 0) return std::nullopt;
  const auto seed = static_cast<int64_t>(manifest->metrics.at(kSeed));
  const auto files = sample_files(seed);
  if (manifest->files.size() != files.size()) return std::nullopt;
  for (const auto& [name, bytes] : files) {
    if (read_whole_file(absl::StrCat(folder, "/", name)) != bytes) return std::nullopt;
  }
  return seed;
}

std::optional<int64_t> newest_sample(const std::string& parent) {
  const absl::StatusOr<NewestGood> newest = newest_good_checkpoint(parent);
  EXPECT_TRUE(newest.ok()) << newest.status();
  if (!newest.ok() || !newest->checkpoint) return std::nullopt;
  const std::optional<int64_t> seed = sample_in(newest->checkpoint->path);
  EXPECT_TRUE(seed) << newest->checkpoint->path << " is no complete checkpoint";
  return seed;
}

std::set<std::string> names_in(const std::string& folder) {
  std::set<std::string> names;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    names.insert(entry.path().filename());
  }
  return names;
}

void give_to_dead_process(const std::string& folder) {
  if (!std::filesystem::exists(folder)) return;
  const ProcessIdentity current = ProcessIdentity::current();
  ProcessIdentity dead = current;
  dead.start += 1;
  for (const std::string& name : names_in(folder)) {
    const std::string renamed =
        absl::StrReplaceAll(name, {{current.to_string(), dead.to_string()}});
    std::filesystem::rename(absl::StrCat(folder, "/", name), absl::StrCat(folder, "/", renamed));
  }
}

std::string read_whole_file(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

void write_whole_file(const std::string& path, const std::string& bytes) {
  std::ofstream file(path, std::ios::binary);
  file.write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
  ASSERT_TRUE(file.good()) << path;
}

std::string fresh_folder() {
  const auto* test = ::testing::UnitTest::GetInstance()->current_test_info();
  const std::string folder =
      absl::StrCat(::testing::TempDir(), "/", test->test_suite_name(), ".", test->name());
  std::filesystem::remove_all(folder);
  std::filesystem::create_directories(folder);
  return folder;
}

}  // namespace composer
