#include "composer/data/formats/npz.h"

#include <gtest/gtest.h>
#include <sys/resource.h>
#include <zip.h>

#include <algorithm>
#include <cstring>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/match.h"
#include "tests/data/formats/array_files.h"
#include "tests/data/formats/idx_files.h"

namespace composer {
namespace {

using Members = std::vector<std::pair<std::string, std::string>>;

std::string contents(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  EXPECT_TRUE(file.good()) << path;
  return std::string(std::istreambuf_iterator<char>(file), {});
}

std::string zip_of(const Members& members, int compression = ZIP_CM_STORE) {
  const std::string path = make_folder() + "/a.npz";
  zip_t* const archive = zip_open(path.c_str(), ZIP_CREATE, nullptr);
  EXPECT_NE(archive, nullptr);
  for (const auto& [name, bytes] : members) {
    zip_source_t* const source = zip_source_buffer(archive, bytes.data(), bytes.size(), 0);
    const zip_int64_t index = zip_file_add(archive, name.c_str(), source, 0);
    EXPECT_GE(index, 0) << zip_strerror(archive);
    EXPECT_EQ(zip_set_file_compression(archive, index, compression, 0), 0);
  }
  EXPECT_EQ(zip_close(archive), 0);
  return contents(path);
}

absl::StatusOr<NpzFile> open(const std::string& file) {
  return NpzFile::open({reinterpret_cast<const uint8_t*>(file.data()), file.size()}, "a.npz");
}

// The first error of opening and reading it all.
absl::Status read_all(const std::string& file) {
  const auto npz = open(file);
  if (!npz.ok()) return npz.status();
  for (const std::string& name : npz->names()) {
    const auto array = npz->read(name);
    if (!array.ok()) return array.status();
  }
  return absl::OkStatus();
}

void expect_damaged(const std::string& file, const std::vector<std::string>& parts) {
  const absl::Status status = read_all(file);
  EXPECT_EQ(status.code(), absl::StatusCode::kDataLoss) << status;
  EXPECT_TRUE(absl::StartsWith(status.message(), "a.npz")) << status;
  for (const std::string& part : parts) {
    EXPECT_TRUE(absl::StrContains(status.message(), part)) << status << " lacks " << part;
  }
}

TEST(NpzTest, ReadsWhatNumpyWrote) {
  for (const GoldenArray& golden : golden_arrays(".npz", 4)) {
    SCOPED_TRACE(golden.path + " " + golden.array);
    const std::string file = contents(golden.path);
    const auto npz = open(file);
    ASSERT_TRUE(npz.ok()) << npz.status();
    const auto array = npz->read(golden.array);
    ASSERT_TRUE(array.ok()) << array.status();
    expect_equal(array->view, golden);
  }
}

TEST(NpzTest, ReadsMoreThanOneStep) {
  const std::string file = contents(golden_array_file("deflated.npz"));
  const auto npz = open(file);
  ASSERT_TRUE(npz.ok()) << npz.status();
  EXPECT_EQ(npz->names(), (std::vector<std::string>{"images", "labels", "zeros"}));
  const auto zeros = npz->read("zeros");
  ASSERT_TRUE(zeros.ok()) << zeros.status();
  EXPECT_EQ(zeros->view.shape, (std::vector<int64_t>{500, 300}));
  ASSERT_EQ(zeros->view.bytes.size(), 600'000u);
  EXPECT_TRUE(std::all_of(zeros->view.bytes.begin(), zeros->view.bytes.end(),
                          [](uint8_t byte) { return byte == 0; }));
}

TEST(NpzTest, NamesTheArraysThereAre) {
  const std::string file = contents(golden_array_file("stored.npz"));
  const auto npz = open(file);
  ASSERT_TRUE(npz.ok()) << npz.status();
  const absl::Status near = npz->read("label").status();
  EXPECT_EQ(near.code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(near.message(), "a.npz has no array \"label\"; did you mean \"labels\"?");
  EXPECT_EQ(npz->read("x").status().message(),
            "a.npz has no array \"x\"; known are images and labels");
}

TEST(NpzTest, RefusesEveryTruncation) {
  const std::string sound = contents(golden_array_file("stored.npz"));
  ASSERT_TRUE(read_all(sound).ok()) << read_all(sound);
  for (size_t length = 0; length < sound.size(); ++length) {
    expect_damaged(sound.substr(0, length), {"ZIP archive"});
  }
}

TEST(NpzTest, NoticesEveryDamageToTheData) {
  for (const char* name : {"stored.npz", "deflated.npz"}) {
    const std::string sound = contents(golden_array_file(name));
    // The first member's data, whose local header is 30 bytes and its name and extra field.
    const auto field = [&](size_t at) { return static_cast<uint8_t>(sound[at]); };
    const size_t begin = 30 + field(26) + 256 * field(27) + field(28) + 256 * field(29);
    const size_t end = std::min(sound.find("PK\3\4", begin), sound.find("PK\1\2", begin));
    ASSERT_GT(end, begin + 50);
    for (size_t i = begin; i < end; ++i) {
      std::string damaged = sound;
      damaged[i] = static_cast<char>(damaged[i] ^ 0x55);
      EXPECT_FALSE(read_all(damaged).ok()) << name << " byte " << i;
    }
  }
}

TEST(NpzTest, RefusesMembersThatAreNoArrays) {
  const std::string array = contents(golden_array_file("int8.npy"));
  EXPECT_TRUE(read_all(zip_of({{"a.npy", array}, {"b.npy", array}})).ok());
  expect_damaged(zip_of({{"a.npy", array}, {"readme.txt", "hello"}}),
                 {"members that end in .npy", "readme.txt"});
  expect_damaged(zip_of({{"a.npy", "hello"}}), {"array \"a\": byte 0:", "NUMPY", "hello"});
  expect_damaged(zip_of({{"a.npy", array.substr(0, array.size() - 1)}}), {"truncated"});
  expect_damaged("", {"ZIP archive"});
  expect_damaged(std::string(100, 'x'), {"ZIP archive"});
}

TEST(NpzTest, RefusesTwoMembersOfOneName) {
  const std::string array = contents(golden_array_file("int8.npy"));
  std::string file = zip_of({{"a.npy", array}, {"b.npy", array}});
  for (size_t at = file.find("b.npy"); at != std::string::npos; at = file.find("b.npy")) {
    file[at] = 'a';
  }
  expect_damaged(file, {"two members are called \"a.npy\""});
}

TEST(NpzTest, DoesNotInflateWhatTheHeaderDoesNotAnnounce) {
  // A bomb: a sound header of a small array, then twenty million zeros.
  std::string array = contents(golden_array_file("int8.npy"));
  array.resize(20'000'000);
  const std::string file = zip_of({{"a.npy", array}}, ZIP_CM_DEFLATE);
  array = std::string();
  EXPECT_LT(file.size(), 1'000'000u);
  const auto npz = open(file);
  ASSERT_TRUE(npz.ok()) << npz.status();
  const absl::Status status = npz->read("a").status();
  EXPECT_EQ(status.code(), absl::StatusCode::kDataLoss);
  EXPECT_TRUE(absl::StrContains(status.message(), "6 bytes of int8 [3, 2]")) << status;
}

TEST(NpzTest, RefusesMoreMembersThanFit) {
  std::string file = zip_of({{"a.npy", contents(golden_array_file("int8.npy"))}});
  const size_t end = file.find("PK\5\6");
  ASSERT_NE(end, std::string::npos);
  for (const size_t field : {8, 9, 10, 11}) file[end + field] = '\x7f';
  expect_damaged(file, {"more members than fit"});
}

TEST(NpzTest, DoesNotAllocateADeclaredSize) {
  // A header and a directory that agree on four gigabytes, of which three bytes are there.
  const uint32_t total = 4'000'000'000;
  const std::string rest = "{'descr': '|u1', 'fortran_order': False, 'shape': (,), }";
  const size_t header_size = rest.size() + 10;
  std::string header = rest;
  header.insert(rest.find(',', rest.find("shape")), std::to_string(total - 10 - header_size));
  ASSERT_EQ(header.size(), header_size);
  std::string array("\x93NUMPY\1\0", 8);
  array += std::string({static_cast<char>(header_size), 0}) + header + "abc";
  std::string file = zip_of({{"a.npy", array}}, ZIP_CM_DEFLATE);
  const size_t declared = file.find("PK\1\2") + 24;
  ASSERT_LT(declared, file.size());
  std::memcpy(file.data() + declared, &total, sizeof total);
  rusage before, after;
  getrusage(RUSAGE_SELF, &before);
  expect_damaged(file, {"array \"a\""});
  getrusage(RUSAGE_SELF, &after);
  EXPECT_LT(after.ru_maxrss - before.ru_maxrss, 8 << 10);
}

}  // namespace
}  // namespace composer
