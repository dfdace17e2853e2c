// Reading and writing against files that Python's library wrote.

#include "composer/checkpoint/safetensors.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <map>
#include <random>
#include <sstream>
#include <string>

#include "composer/base/atomic_file.h"

namespace composer {
namespace {

namespace fs = std::filesystem;

constexpr char kDtypes[] = "tests/golden/checkpoint/dtypes.safetensors";

std::string read_bytes(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  std::stringstream bytes;
  bytes << file.rdbuf();
  return bytes.str();
}

void write_bytes(const fs::path& path, const std::string& bytes) {
  std::ofstream(path, std::ios::binary) << bytes;
}

class SafetensorsTest : public ::testing::Test {
 protected:
  SafetensorsTest() {
    folder = fs::path(::testing::TempDir()) /
             ::testing::UnitTest::GetInstance()->current_test_info()->name();
    fs::remove_all(folder);
    fs::create_directories(folder);
  }

  size_t files() const {
    return std::distance(fs::directory_iterator(folder), fs::directory_iterator());
  }

  fs::path folder;
};

TEST_F(SafetensorsTest, ReadsEveryDtypeThatPythonWrites) {
  const auto file = read_safetensors(kDtypes);
  ASSERT_TRUE(file.ok()) << file.status();
  EXPECT_EQ(file->metadata, (SafetensorsMetadata{{"format", "pt"}}));
  const std::map<std::string, at::Tensor> tensors(file->tensors.begin(), file->tensors.end());
  EXPECT_EQ(tensors.size(), 20u);
  const at::Tensor values = at::arange(4, at::kDouble).view({2, 2});
  for (const auto& [name, type] :
       std::map<std::string, at::ScalarType>{{"uint8", at::kByte},
                                             {"int8", at::kChar},
                                             {"int16", at::kShort},
                                             {"uint16", at::kUInt16},
                                             {"int32", at::kInt},
                                             {"uint32", at::kUInt32},
                                             {"int64", at::kLong},
                                             {"uint64", at::kUInt64},
                                             {"float16", at::kHalf},
                                             {"bfloat16", at::kBFloat16},
                                             {"float32", at::kFloat},
                                             {"float64", at::kDouble},
                                             {"float8_e5m2", at::kFloat8_e5m2},
                                             {"float8_e4m3fn", at::kFloat8_e4m3fn}}) {
    const at::Tensor& tensor = tensors.at(name);
    EXPECT_EQ(tensor.scalar_type(), type) << name;
    EXPECT_TRUE(tensor.to(at::kDouble).equal(values)) << name;
  }
  EXPECT_TRUE(tensors.at("bool").equal(at::tensor({0, 1, 0, 1}).view({2, 2}).to(at::kBool)));
  EXPECT_EQ(tensors.at("float8_e8m0fnu").scalar_type(), at::kFloat8_e8m0fnu);
  EXPECT_TRUE(at::real(tensors.at("complex64")).equal(values.to(at::kFloat)));
  EXPECT_TRUE(at::imag(tensors.at("complex64")).equal(at::ones({2, 2})));
  EXPECT_EQ(tensors.at("scalar").dim(), 0);
  EXPECT_EQ(tensors.at("scalar").item<int64_t>(), 7);
  EXPECT_EQ(tensors.at("empty").sizes(), at::IntArrayRef({0, 3}));
  EXPECT_EQ(
      tensors.at("quote \" slash \\ newline \n control \x01 delete \x7f umlaut ü").item<double>(),
      1.5);
}

TEST_F(SafetensorsTest, WritesTheBytesThatPythonWrites) {
  auto file = read_safetensors(kDtypes);
  ASSERT_TRUE(file.ok());
  // In whatever order they are given.
  std::reverse(file->tensors.begin(), file->tensors.end());
  const fs::path path = folder / "copy.safetensors";
  ASSERT_TRUE(write_safetensors(path, file->tensors, file->metadata).ok());
  EXPECT_EQ(read_bytes(path), read_bytes(kDtypes));
}

TEST_F(SafetensorsTest, WritesValuesInRowMajorOrderWhateverTheMemoryFormat) {
  const at::Tensor image = at::arange(24, at::kFloat).view({1, 2, 3, 4});
  const at::Tensor conjugate = at::complex(at::ones({2}), at::ones({2})).conj();
  const fs::path path = folder / "formats.safetensors";
  ASSERT_TRUE(write_safetensors(path, {{"last", image.contiguous(at::MemoryFormat::ChannelsLast)},
                                       {"slice", image.slice(3, 1, 4, 2)},
                                       {"expanded", at::ones({1}).expand({3})},
                                       {"conjugate", conjugate},
                                       {"trained", at::ones({2}).requires_grad_()}})
                  .ok());
  const auto file = read_safetensors(path);
  ASSERT_TRUE(file.ok()) << file.status();
  const std::map<std::string, at::Tensor> tensors(file->tensors.begin(), file->tensors.end());
  EXPECT_TRUE(tensors.at("last").equal(image));
  EXPECT_TRUE(tensors.at("last").is_contiguous());
  EXPECT_TRUE(tensors.at("slice").equal(image.slice(3, 1, 4, 2)));
  EXPECT_TRUE(tensors.at("expanded").equal(at::ones({3})));
  EXPECT_TRUE(tensors.at("conjugate").equal(conjugate));
}

TEST_F(SafetensorsTest, WhatCannotBeWrittenIsRefusedAndLeavesTheOldFile) {
  const fs::path path = folder / "file.safetensors";
  write_bytes(path, "old");
  const at::Tensor one = at::ones({1});
  const auto refusal = [&](const NamedTensors& tensors, const SafetensorsMetadata& metadata = {}) {
    const absl::Status status = write_safetensors(path, tensors, metadata);
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << status;
    EXPECT_NE(status.message().find(path.string()), absl::string_view::npos);
    EXPECT_EQ(read_bytes(path), "old");
    EXPECT_EQ(files(), 1u);
    return std::string(status.message());
  };
  EXPECT_NE(refusal({{"a", one}, {"a", one}}).find("two tensors are called \"a\""),
            std::string::npos);
  EXPECT_NE(refusal({{"a", at::Tensor()}}).find("undefined"), std::string::npos);
  EXPECT_NE(refusal({{"a", at::ones({1}, at::kComplexDouble)}}).find("ComplexDouble"),
            std::string::npos);
  EXPECT_NE(refusal({{"a", one.to_sparse()}}).find("not dense"), std::string::npos);
  refusal({{"__metadata__", one}});
  refusal({{"\xff", one}});
  refusal({}, {{"key", "1"}, {"key", "2"}});
  const absl::Status status = write_safetensors(folder / "missing" / "file", {{"a", one}});
  EXPECT_EQ(status.code(), absl::StatusCode::kNotFound) << status;
}

TEST_F(SafetensorsTest, FilesThatCannotBeReadAreSaid) {
  const auto error = [](const fs::path& path) {
    const absl::Status status = read_safetensors(path).status();
    EXPECT_NE(status.message().find(path.string()), absl::string_view::npos) << status;
    return status;
  };
  EXPECT_EQ(error(folder / "none").code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(error(folder).code(), absl::StatusCode::kFailedPrecondition);
  const std::string good = read_bytes(kDtypes);
  const fs::path path = folder / "bad.safetensors";
  for (const std::string& bytes :
       {std::string(), good.substr(0, 7), good.substr(0, 100), good.substr(0, good.size() - 1),
        good + "x", std::string(8, '\xff'), std::string("PK\x03\x04 a pickled file, perhaps")}) {
    write_bytes(path, bytes);
    EXPECT_EQ(error(path).code(), absl::StatusCode::kDataLoss) << bytes.size();
  }
  std::string bad_bool = good;
  bad_bool.back() = 2;
  write_bytes(path, bad_bool);
  EXPECT_NE(error(path).message().find("neither 0 nor 1"), absl::string_view::npos);
}

TEST_F(SafetensorsTest, TrailingBytesAreReadOverWhereAllowed) {
  const fs::path path = folder / "padded.safetensors";
  write_bytes(path, read_bytes(kDtypes) + "padding");
  EXPECT_EQ(read_safetensors(path).status().code(), absl::StatusCode::kDataLoss);
  const auto file = read_safetensors(path, {.trailing_bytes = TrailingBytes::ALLOW});
  ASSERT_TRUE(file.ok()) << file.status();
  EXPECT_EQ(file->tensors.size(), 20u);
  // Missing ones are not forgiven.
  write_bytes(path, read_bytes(kDtypes).substr(0, read_bytes(kDtypes).size() - 1));
  EXPECT_FALSE(read_safetensors(path, {.trailing_bytes = TrailingBytes::ALLOW}).ok());
}

TEST_F(SafetensorsTest, ReadsModelsThatHuggingFaceSplit) {
  const fs::path sharded = "tests/golden/checkpoint/sharded";
  const auto whole = read_safetensors("tests/golden/checkpoint/torch_values.safetensors");
  ASSERT_TRUE(whole.ok()) << whole.status();
  const std::map<std::string, at::Tensor> values(whole->tensors.begin(), whole->tensors.end());
  for (const fs::path& path : {sharded, sharded / "model.safetensors.index.json"}) {
    const auto file = read_safetensors(path);
    ASSERT_TRUE(file.ok()) << file.status();
    EXPECT_EQ(file->tensors.size(), 9u);
    EXPECT_EQ(file->metadata, (SafetensorsMetadata{{"format", "pt"}}));
    for (const auto& [name, tensor] : file->tensors) {
      EXPECT_TRUE(tensor.equal(values.at("state_dict/" + name))) << name;
    }
  }
}

TEST_F(SafetensorsTest, SplitModelsMustBeWhatTheirIndexSays) {
  const fs::path index = folder / "model.safetensors.index.json";
  const at::Tensor one = at::ones({1});
  ASSERT_TRUE(write_safetensors(folder / "1.safetensors", {{"a", one}}).ok());
  ASSERT_TRUE(write_safetensors(folder / "2.safetensors", {{"b", one}, {"c", one}}).ok());
  const auto error = [&](const std::string& map) {
    write_bytes(index, "{\"weight_map\": {" + map + "}}");
    const absl::Status status = read_safetensors(folder).status();
    EXPECT_NE(status.message().find(index.string()), absl::string_view::npos) << status;
    return std::string(status.message());
  };
  const std::string a = R"("a": "1.safetensors")", b = R"(, "b": "2.safetensors")",
                    c = R"(, "c": "2.safetensors")";
  EXPECT_NE(error(a + b).find("2.safetensors has the tensor \"c\", which the index does not say"),
            std::string::npos);
  EXPECT_NE(error(a + b + c + R"(, "d": "1.safetensors")").find("1.safetensors lacks the tensor"),
            std::string::npos);
  EXPECT_NE(error(a + b + c + R"(, "d": "3.safetensors")").find("No such file"), std::string::npos);
  write_bytes(index, "{\"weight_map\": {" + a + b + c + "}}");
  EXPECT_EQ(read_safetensors(folder)->tensors.size(), 3u);
}

TEST_F(SafetensorsTest, MutatedFilesNeverCrash) {
  const std::string good = read_bytes(kDtypes);
  const fs::path path = folder / "mutated.safetensors";
  std::mt19937 random(2);
  for (int i = 0; i < 1000; ++i) {
    std::string bytes = good;
    // The header and the length before it are where it hurts.
    for (int edit = 0; edit < 2; ++edit) bytes[random() % 1400] = static_cast<char>(random());
    if (i % 5 == 0) bytes.resize(random() % bytes.size());
    write_bytes(path, bytes);
    const auto file = read_safetensors(path);
    if (!file.ok()) continue;
    for (const auto& [name, tensor] : file->tensors) ASSERT_TRUE(tensor.is_contiguous()) << name;
  }
}

TEST_F(SafetensorsTest, AFileAppearsWholeOrNotAtAll) {
  const fs::path path = folder / "file";
  {
    auto file = AtomicFile::create(path);
    ASSERT_TRUE(file.ok());
    ASSERT_TRUE(file->write("new", 3).ok());
    EXPECT_FALSE(fs::exists(path));
  }
  EXPECT_EQ(files(), 0u);
  auto file = AtomicFile::create(path);
  ASSERT_TRUE(file.ok());
  ASSERT_TRUE(file->write("new", 3).ok());
  ASSERT_TRUE(file->commit().ok());
  EXPECT_EQ(read_bytes(path), "new");
  EXPECT_EQ(files(), 1u);
}

}  // namespace
}  // namespace composer
