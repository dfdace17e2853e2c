#include "composer/data/formats/npy.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/match.h"
#include "composer/base/mapped_file.h"
#include "tests/data/formats/array_files.h"

namespace composer {
namespace {

constexpr char kSound[] = "{'descr': '<i2', 'fortran_order': False, 'shape': (2, 3), }";

// A .npy file of version 1.0.
std::string npy(const std::string& header, const std::string& data) {
  std::string file("\x93NUMPY\1\0", 8);
  file.push_back(static_cast<char>(header.size()));
  file.push_back(static_cast<char>(header.size() >> 8));
  return file + header + data;
}

std::string with_descr(const std::string& descr) {
  return "{'descr': " + descr + ", 'fortran_order': False, 'shape': (2,), }";
}

std::string with_shape(const std::string& shape) {
  return "{'descr': '<i2', 'fortran_order': False, 'shape': " + shape + ", }";
}

absl::StatusOr<ArrayView> view(const std::string& file) {
  return view_npy({reinterpret_cast<const uint8_t*>(file.data()), file.size()}, "a.npy");
}

void expect_refused(const std::string& file, absl::StatusCode code,
                    const std::vector<std::string>& parts) {
  const absl::Status status = view(file).status();
  EXPECT_EQ(status.code(), code) << status;
  EXPECT_TRUE(absl::StartsWith(status.message(), "a.npy")) << status;
  for (const std::string& part : parts) {
    EXPECT_TRUE(absl::StrContains(status.message(), part)) << status << " lacks " << part;
  }
}

void expect_damaged(const std::string& file, const std::vector<std::string>& parts) {
  expect_refused(file, absl::StatusCode::kDataLoss, parts);
}

TEST(NpyTest, ReadsWhatNumpyWrote) {
  for (const GoldenArray& golden : golden_arrays(".npy", 19)) {
    SCOPED_TRACE(golden.path);
    const auto file = MappedFile::open(golden.path);
    ASSERT_TRUE(file.ok()) << file.status();
    const auto array = view_npy(file->bytes(), golden.path);
    ASSERT_TRUE(array.ok()) << array.status();
    expect_equal(*array, golden);
  }
}

TEST(NpyTest, SaysHowToConvertWhatItDoesNotRead) {
  const std::pair<const char*, std::vector<std::string>> cases[] = {
      {"refused_big_endian.npy", {"\">f4\"", "big-endian", "array.astype(\"float32\")"}},
      {"refused_fortran.npy", {"Fortran order", "numpy.ascontiguousarray(array)"}},
      {"refused_objects.npy", {"\"|O\"", "Python objects", "pickle"}},
      {"refused_records.npy", {"records", "array.dtype.names"}},
      {"refused_text.npy", {"\"<U2\"", "text"}},
      {"refused_complex.npy", {"\"<c8\"", "complex", "array.real"}},
      {"refused_times.npy", {"\"<M8[ns]\"", "astype(\"int64\")"}},
  };
  for (const auto& [name, parts] : cases) {
    SCOPED_TRACE(name);
    const auto file = MappedFile::open(golden_array_file(name));
    ASSERT_TRUE(file.ok()) << file.status();
    const absl::Status status = view_npy(file->bytes(), name).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kUnimplemented) << status;
    EXPECT_TRUE(absl::StartsWith(status.message(), name)) << status;
    for (const std::string& part : parts) {
      EXPECT_TRUE(absl::StrContains(status.message(), part)) << status << " lacks " << part;
    }
  }
}

TEST(NpyTest, ReadsHeadersThatOthersWrite) {
  const std::string data(12, 'x');
  for (const char* header : {
           kSound,
           "{\"shape\":(2,3),\"descr\":\"<i2\",\"fortran_order\":False}\n",
           "  {'fortran_order' : False , 'shape' : ( 2L , 3L , ) , 'descr' : '=i2' , }   \n",
       }) {
    const auto array = view(npy(header, data));
    ASSERT_TRUE(array.ok()) << array.status();
    EXPECT_EQ(array->shape, (std::vector<int64_t>{2, 3}));
    EXPECT_EQ(array->type, ElementType::INT16);
  }
  EXPECT_TRUE(view(npy(with_descr("'>u1'"), "ab")).ok());
  // One dimension has one order.
  EXPECT_TRUE(view(npy("{'descr': '|u1', 'fortran_order': True, 'shape': (2,), }", "ab")).ok());
}

TEST(NpyTest, RefusesEveryTruncation) {
  const std::string sound = npy(kSound, std::string(12, 'x'));
  ASSERT_TRUE(view(sound).ok());
  for (size_t length = 0; length < sound.size(); ++length) {
    expect_damaged(sound.substr(0, length), {"a.npy: byte ", "expected", "found"});
  }
  expect_damaged("", {"byte 0:", "an empty file"});
  expect_damaged(sound.substr(0, sound.size() - 1),
                 {"byte " + std::to_string(sound.size() - 12) + ":",
                  "12 bytes of int16 [2, 3], found 11", "truncated"});
  expect_damaged(sound + "x", {"found 13", "behind the array"});
}

TEST(NpyTest, RefusesWhatIsNoNpyFile) {
  expect_damaged("PK\3\4 and more", {"byte 0:", "NUMPY", "PK\\x03\\x04"});
  std::string future = npy(kSound, std::string(12, 'x'));
  future[6] = 4;
  expect_damaged(future, {"byte 6:", "version 1.0, 2.0 or 3.0", "found 4.0"});
}

TEST(NpyTest, RefusesHeadersThatAreNotTheDictionary) {
  const std::string data(12, 'x');
  for (const char* header : {
           "",
           "{}",
           "{",
           "[]",
           "{'descr': '<i2', 'fortran_order': False}",
           "{'descr': '<i2', 'fortran_order': False, 'shape': (2, 3), 'more': 1}",
           "{'descr': '<i2', 'descr': '<i2', 'fortran_order': False, 'shape': (2, 3)}",
           "{'descr': '<i2', 'fortran_order': 0, 'shape': (2, 3)}",
           "{'descr': '<i2' 'fortran_order': False, 'shape': (2, 3)}",
           "{'descr': '<i2, 'fortran_order': False, 'shape': (2, 3)}",
           "{'descr': '<\\x692', 'fortran_order': False, 'shape': (2, 3)}",
           "{'descr': '<i2', 'fortran_order': False, 'shape': (6)}",
           "{'descr': '<i2', 'fortran_order': False, 'shape': (-2, -3)}",
           "{'descr': '<i2', 'fortran_order': False, 'shape': [2, 3]}",
           "{'descr': '<i2', 'fortran_order': False, 'shape': (2, 3), } x",
           "{'descr': __import__('os'), 'fortran_order': False, 'shape': (2, 3)}",
       }) {
    expect_damaged(npy(header, data), {"a.npy: byte ", "expected", "found"});
  }
  expect_damaged(npy("{'descr': '<i2', 'fortran_order': maybe", data),
                 {"byte 44:", "True or False", "\"maybe\""});
}

TEST(NpyTest, RefusesSizesThatNoFileHas) {
  for (const char* shape : {"(9223372036854775807,)", "(4294967296, 4294967296)",
                            "(4611686018427387904, 2)", "(0, 4294967296, 4294967296)"}) {
    expect_damaged(npy(with_shape(shape), "xx"), {"sizes whose product fits in memory"});
  }
  expect_damaged(npy(with_shape("(9223372036854775808,)"), "xx"), {"a size from 0 to 2^63 - 1"});
  expect_damaged(npy(with_shape("(1000000000000,)"), "xx"), {"2000000000000 bytes", "found 2"});
  std::string many = "(";
  for (int i = 0; i < 70; ++i) many += "1,";
  expect_damaged(npy(with_shape(many + ")"), "xx"), {"at most 64 sizes"});
  expect_damaged(npy(std::string(20'000, ' '), ""), {"byte 8:", "at most 10000 bytes"});
}

}  // namespace
}  // namespace composer
