// Damaged checkpoints, 10,000 of them, the same in every run.
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>
#include <iterator>
#include <map>
#include <random>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "composer/checkpoint/checkpoint_reader.h"
#include "composer/checkpoint/sha256.h"
#include "tests/checkpoint/faults/sample_checkpoint.h"

namespace composer {
namespace {

namespace fs = std::filesystem;

constexpr int kMutations = 10'000;

using Random = std::mt19937_64;
using Files = std::map<std::string, std::string>;

Files files_of(const std::string& folder) {
  Files files;
  for (const std::string& name : names_in(folder)) {
    files[name] = read_whole_file(absl::StrCat(folder, "/", name));
  }
  return files;
}

// One of the files, more often the manifest.
std::string& any_file(Files& files, Random& random) {
  if (random() % 3 == 0) return files[kManifestName];
  return std::next(files.begin(), static_cast<int64_t>(random() % files.size()))->second;
}

void flip_bit(Files& files, Random& random) {
  std::string& file = any_file(files, random);
  if (!file.empty()) file[random() % file.size()] ^= static_cast<char>(1 << random() % 8);
}

void truncate(Files& files, Random& random) {
  std::string& file = any_file(files, random);
  file.resize(random() % (file.size() + 1));
}

void append(Files& files, Random& random) {
  any_file(files, random).append(1 + random() % 9, static_cast<char>(random()));
}

void swap_files(Files& files, Random& random) {
  std::swap(any_file(files, random), any_file(files, random));
}

void remove_file(Files& files, Random& random) {
  files.erase(std::next(files.begin(), static_cast<int64_t>(random() % files.size())));
}

// A range of one file over another's.
void overwrite(Files& files, Random& random) {
  const std::string from = any_file(files, random);
  std::string& to = any_file(files, random);
  const size_t size = std::min(from.size(), to.size());
  if (size == 0) return;
  const size_t count = 1 + random() % size;
  to.replace(random() % (to.size() - count + 1), count, from, random() % (from.size() - count + 1),
             count);
}

// The manifest with a checksum of its own that holds, however it was edited.
void seal(std::string& manifest) {
  constexpr char kLast[] = "  \"sha256\": ";
  const size_t end = manifest.rfind(kLast);
  if (end == std::string::npos) return;
  manifest.resize(end);
  absl::StrAppend(&manifest, kLast, "\"", sha256_of(manifest), "\"\n}\n");
}

// Someone who knows the format edits what the manifest says of the files.
void edit_manifest(Files& files, Random& random) {
  std::string& manifest = files[kManifestName];
  const std::pair<const char*, const char*> edits[] = {
      {"\"size\": 700", "\"size\": 699"},
      {"\"size\": 700", "\"size\": 9223372036854775807"},
      {"\"size\": 700", "\"size\": 18446744073709551616"},
      {"\"size\": 700", "\"size\": -1"},
      {"\"size\": 700", "\"size\": 7e2"},
      {"\"size\": 700", "\"size\": 700, \"size\": 700"},
      {"\"size\": 0", "\"size\": 1"},
      {"\"model.safetensors\"", "\"optimizer.safetensors\""},
      {"\"model.safetensors\"", "\"../good/model.safetensors\""},
      {"\"model.safetensors\"", "\"/etc/passwd\""},
      {"\"model.safetensors\"", "\"\""},
      {"\"model.safetensors\"", "\"..\""},
      {"\"model.safetensors\"", "\"manifest.json\""},
      {"\"model.safetensors\"", "\"model.safetensors\\u0000\""},
      {"\"model.safetensors\"", "\"\\ud800\""},
      {"\"version\": 1", "\"version\": 2"},
      {"\"version\": 1", "\"version\": 01"},
      {"composer checkpoint", "something else"},
      {"\"sha256\": \"", "\"sha256\": \"A"},
      {"{\"size\"", "{\"other\": 1, \"size\""},
      {"\"files\": {", "\"files\": {},\n  \"files\": {"},
      {"\"files\": {", "\"files\": [{"},
      {"\"metrics\": {", "\"metrics\": {\"a\": nan, "},
      {"\"metrics\": {", "\"metrics\": {\"a\": 1e999, "},
      {"\"metrics\": {", "\"metrics\": {\"a\": 00, "},
      {"\"batch\": ", "\"batch\": -"},
      {"\n", "\r\n"},
  };
  const auto& [from, to] = edits[random() % std::size(edits)];
  manifest = absl::StrReplaceAll(manifest, {{from, to}});
  seal(manifest);
}

void replace_by_hostile_json(Files& files, Random& random) {
  const size_t size = random() % 100'000;
  const std::string starts[] = {"{\"files\":", "[", "{\"format\": \"composer checkpoint\", ", "\""};
  const char* const bodies[] = {"[", "{\"a\":", "\\", "9", "\\ud83d", "{}", " ", ",", "\""};
  std::string text = starts[random() % std::size(starts)];
  const std::string body = bodies[random() % std::size(bodies)];
  while (text.size() < size) text += body;
  files[kManifestName] = text;
}

class MutationTest : public ::testing::Test {
 protected:
  MutationTest() : parent_(fresh_folder()) {
    EXPECT_TRUE(save_sample(parent_, "good", 1, 1).ok());
    EXPECT_TRUE(save_sample(parent_, "other", 2, 2).ok());
    good_ = files_of(parent_ + "/good");
    other_ = files_of(parent_ + "/other");
    fs::remove_all(parent_ + "/good");
    fs::remove_all(parent_ + "/other");
  }

  // Whether it is refused; then with its name and a reason.
  bool refused(const Files& files) {
    const std::string folder = parent_ + "/ba1";
    write_differences(folder, files);
    const absl::StatusOr<Manifest> manifest = verify_checkpoint(folder);
    if (manifest.ok()) return false;
    EXPECT_EQ(manifest.status().code(), absl::StatusCode::kDataLoss) << manifest.status();
    EXPECT_TRUE(absl::StartsWith(manifest.status().message(), folder)) << manifest.status();
    EXPECT_GT(manifest.status().message().size(), folder.size() + 10) << manifest.status();
    return true;
  }

  const std::string parent_;
  Files good_, other_;

 private:
  void write_differences(const std::string& folder, const Files& files) {
    fs::create_directory(folder);
    for (const auto& [name, bytes] : written_) {
      if (files.count(name) == 0) fs::remove(absl::StrCat(folder, "/", name));
    }
    for (const auto& [name, bytes] : files) {
      const auto written = written_.find(name);
      if (written != written_.end() && written->second == bytes) continue;
      write_whole_file(absl::StrCat(folder, "/", name), bytes);
    }
    written_ = files;
  }

  Files written_;
};

TEST_F(MutationTest, ADamagedCheckpointIsRefusedOrHasItsExactContent) {
  using Mutation = void (*)(Files&, Random&);
  constexpr Mutation kKinds[] = {flip_bit,    truncate,  append,        swap_files,
                                 remove_file, overwrite, edit_manifest, replace_by_hostile_json};
  Random random(1);
  int refusals = 0;
  for (int i = 0; i < kMutations && !HasFailure(); ++i) {
    Files files = good_;
    // Files of two checkpoints, one mixed with the other's.
    if (random() % 20 == 0) swap(any_file(files, random), any_file(other_, random));
    for (uint64_t steps = 1 + random() % 3; steps > 0; --steps) {
      kKinds[random() % std::size(kKinds)](files, random);
      if (files.empty()) break;
    }
    const bool is_refused = refused(files);
    refusals += is_refused;
    EXPECT_TRUE(is_refused || sample_in(parent_ + "/ba1") == 1) << "mutation " << i;
    if (i % 10 == 0) {
      const absl::StatusOr<NewestGood> newest = newest_good_checkpoint(parent_);
      ASSERT_TRUE(newest.ok()) << newest.status();
      EXPECT_EQ(newest->checkpoint.has_value(), !is_refused);
      EXPECT_EQ(newest->refused.size(), is_refused ? 1u : 0u);
    }
  }
  EXPECT_GT(refusals, kMutations * 9 / 10);
}

TEST_F(MutationTest, EveryBitCounts) {
  EXPECT_FALSE(refused(good_));
  for (const auto& [name, bytes] : good_) {
    // Every 7th, which is coprime to the 8 of a byte.
    for (size_t bit = 0; bit < 8 * bytes.size() && !HasFailure(); bit += 7) {
      Files files = good_;
      files[name][bit / 8] ^= static_cast<char>(1 << bit % 8);
      EXPECT_TRUE(refused(files)) << name << ", bit " << bit;
    }
  }
}

TEST_F(MutationTest, AFileThatIsNoneIsRefused) {
  const std::string folder = parent_ + "/ba1", state = folder + "/state.pb";
  ASSERT_FALSE(refused(good_));
  fs::remove(state);
  fs::create_directory(state);
  EXPECT_FALSE(verify_checkpoint(folder).ok());
  fs::remove(state);
  // A read of it would wait for ever.
  ASSERT_EQ(::mkfifo(state.c_str(), 0600), 0);
  EXPECT_FALSE(verify_checkpoint(folder).ok());
  fs::remove(state);
  fs::create_symlink("nowhere", state);
  EXPECT_FALSE(verify_checkpoint(folder).ok());
  fs::remove(folder + "/manifest.json");
  fs::create_symlink("/dev/zero", folder + "/manifest.json");
  EXPECT_FALSE(verify_checkpoint(folder).ok());
}

}  // namespace
}  // namespace composer
