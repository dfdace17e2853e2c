#include "composer/data/formats/safetensors_view.h"

#include <gtest/gtest.h>

#include <cstring>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/match.h"
#include "composer/base/mapped_file.h"
#include "tests/data/formats/array_files.h"

namespace composer {
namespace {

absl::StatusOr<SafetensorsView> open(const std::string& file) {
  return SafetensorsView::open({reinterpret_cast<const uint8_t*>(file.data()), file.size()}, "a");
}

std::string safetensors(const std::string& json, const std::string& data) {
  const uint64_t length = json.size();
  return std::string(reinterpret_cast<const char*>(&length), sizeof length) + json + data;
}

constexpr char kSound[] = R"({"x":{"dtype":"I16","shape":[2],"data_offsets":[0,4]}})";

void expect_damaged(const std::string& file, const std::vector<std::string>& parts) {
  const absl::Status status = open(file).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kDataLoss) << status;
  EXPECT_TRUE(absl::StartsWith(status.message(), "a: ")) << status;
  for (const std::string& part : parts) {
    EXPECT_TRUE(absl::StrContains(status.message(), part)) << status << " lacks " << part;
  }
}

TEST(SafetensorsViewTest, ReadsWhatSafetensorsWrote) {
  const auto file = MappedFile::open(golden_array_file("types.safetensors"));
  ASSERT_TRUE(file.ok()) << file.status();
  const auto view = SafetensorsView::open(file->bytes(), file->path());
  ASSERT_TRUE(view.ok()) << view.status();
  for (const GoldenArray& golden : golden_arrays("types.safetensors", 14)) {
    SCOPED_TRACE(golden.array);
    const auto array = view->read(golden.array);
    ASSERT_TRUE(array.ok()) << array.status();
    expect_equal(*array, golden);
  }
  const absl::Status unknown = view->read("int46").status();
  EXPECT_EQ(unknown.code(), absl::StatusCode::kNotFound);
  EXPECT_TRUE(absl::StrContains(unknown.message(), "did you mean \"int64\"?")) << unknown;
  const absl::Status f8 = view->read("f8").status();
  EXPECT_EQ(f8.code(), absl::StatusCode::kUnimplemented);
  EXPECT_TRUE(absl::StrContains(f8.message(), "F8_E4M3")) << f8;
}

TEST(SafetensorsViewTest, RefusesEveryTruncationAndAddition) {
  const std::string sound = safetensors(kSound, "abcd");
  ASSERT_TRUE(open(sound).ok()) << open(sound).status();
  for (size_t length = 0; length < sound.size(); ++length) {
    expect_damaged(sound.substr(0, length), {});
  }
  expect_damaged("", {"an empty file"});
  expect_damaged(sound + "e", {"the tensors take 4 bytes, but 5 follow"});
}

TEST(SafetensorsViewTest, RefusesLengthsThatAreNotThere) {
  for (const uint64_t length : {uint64_t{5}, uint64_t{1} << 40, ~uint64_t{0}, ~uint64_t{7}}) {
    std::string file(12, 'x');
    std::memcpy(file.data(), &length, sizeof length);
    expect_damaged(file, {"header length of at most 4", std::to_string(length)});
  }
}

TEST(SafetensorsViewTest, RefusesShapesAndOffsetsThatDisagree) {
  for (const char* json : {
           R"({"x":{"dtype":"I16","shape":[2],"data_offsets":[0,3]}})",
           R"({"x":{"dtype":"I16","shape":[2],"data_offsets":[1,5]}})",
           R"({"x":{"dtype":"I16","shape":[2],"data_offsets":[4,0]}})",
           R"({"x":{"dtype":"I16","shape":[4611686018427387905],"data_offsets":[0,4]}})",
           R"({"x":{"dtype":"I16","shape":[4294967296,4294967296],"data_offsets":[0,4]}})",
           R"({"x":{"dtype":"I99","shape":[2],"data_offsets":[0,4]}})",
       }) {
    expect_damaged(safetensors(json, "abcd"), {"\"x\""});
  }
}

}  // namespace
}  // namespace composer
