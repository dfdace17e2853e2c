#include "composer/data/sources/json_lines.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "composer/base/exceptions.h"
#include "composer/base/status.h"
#include "composer/data/registry.h"
#include "google/protobuf/text_format.h"
#include "proto/dataset.pb.h"
#include "tests/data/formats/golden_tables.h"
#include "tests/data/formats/idx_files.h"
#include "tests/data/sources/dataset_from_text.h"

namespace composer {
namespace {

using nlohmann::json;

constexpr char kFields[] = R"(
  fields { key: "id" type: INTEGER }
  fields { key: "image" tensor: "input" }
  fields { key: "meta.label" tensor: "target" type: CLASS classes: ["cat", "dog"] }
  fields { key: "text" type: BYTES }
  fields { key: "ok" type: CLASS classes: ["false", "true"] }
)";

std::string lines(const std::string& file, const std::string& fields = kFields) {
  return absl::StrCat("json_lines { files: '", file, "' ", fields, "}");
}

at::Tensor integers(const json& values) {
  return at::tensor(values.get<std::vector<int64_t>>(), at::kLong);
}

void expect_record(const TensorDict& sample, const json& expected) {
  EXPECT_EQ(sample.at("id").item<int64_t>(), expected["id"].get<int64_t>());
  EXPECT_EQ(sample.at("input").sizes(), (at::IntArrayRef{2, 2}));
  EXPECT_TRUE(at::equal(sample.at("input").flatten(),
                        at::tensor(expected["image"].get<std::vector<float>>())));
  EXPECT_EQ(sample.at("target").item<int64_t>(), expected["label"].get<int64_t>());
  EXPECT_EQ(sample.at("target").dim(), 0);
  EXPECT_TRUE(at::equal(sample.at("text"), integers(expected["text"])));
  EXPECT_EQ(sample.at("ok").item<int64_t>(), expected["ok"].get<int64_t>());
}

// See tests/golden/data/tables/make_tables.py.
TEST(JsonLinesSourceTest, AgreesWithPython) {
  const auto dataset = dataset_from(lines(golden_table("records.jsonl")));
  ASSERT_TRUE(dataset.ok()) << dataset.status();
  EXPECT_EQ((*dataset)->name(), "json_lines (records.jsonl)");
  const json expected = expected_of_tables()["records"];
  ASSERT_EQ((*dataset)->size(), 3);
  for (int64_t i = 0; i < 3; ++i) expect_record((*dataset)->get(i), expected[i]);
  EXPECT_THROW((*dataset)->get(3), c10::IndexError);
}

class JsonLinesFilesTest : public testing::Test {
 protected:
  std::string file(const std::string& bytes, const std::string& name = "a.jsonl") {
    write_file(folder_ + "/" + name, bytes);
    return folder_ + "/" + name;
  }

  // Expects that the first line is refused under these fields.
  void expect_bad(const std::string& line, const std::string& fields, const std::string& part) {
    const std::string path = file(line);
    const auto dataset = dataset_from(lines(path, fields));
    ASSERT_TRUE(dataset.ok()) << dataset.status();
    expect_broken(**dataset, 0, {path + ": line 1, byte 0: ", part});
  }

  const std::string folder_ = make_folder();
};

TEST_F(JsonLinesFilesTest, ReadsSeveralFilesInTurn) {
  const std::string a = file("{\"x\": 0}\r\n\r\n{\"x\": 1}\r\n", "a"), b = file("\n", "b"),
                    c = file("\xef\xbb\xbf{\"x\": 2}", "c");
  const auto dataset = dataset_from(
      absl::StrCat("json_lines { files: ['", a, "', '", b, "', '", c, "'] fields { key: 'x' } }"));
  ASSERT_TRUE(dataset.ok()) << dataset.status();
  EXPECT_EQ((*dataset)->name(), "json_lines (3 files)");
  EXPECT_TRUE(at::equal(all_of(**dataset).at("x"), at::tensor({0.0f, 1.0f, 2.0f})));
}

TEST_F(JsonLinesFilesTest, ReadsArraysOfAnyDepth) {
  const auto dataset =
      dataset_from(lines(file("{\"x\": [[[1], [2]], [[3], [4]], [[5], [6]]], \"e\": [[], []]}"),
                         "fields { key: 'x' type: INTEGER } fields { key: 'e' }"));
  const TensorDict sample = (*dataset)->get(0);
  EXPECT_TRUE(at::equal(sample.at("x"), at::arange(1, 7).reshape({3, 2, 1})));
  EXPECT_EQ(sample.at("e").sizes(), (at::IntArrayRef{2, 0}));
}

TEST_F(JsonLinesFilesTest, ReadsTokens) {
  const auto dataset =
      dataset_from(lines(file("{\"x\": \"\xe4\xb8\x96 x\"}"),
                         absl::StrCat("fields { key: 'x' tensor: 'input_ids' type: TOKENS "
                                      "tokenizer: '",
                                      golden_table("tiny.model"), "' }")));
  if (absl::StrContains(dataset.status().message(), "under this sanitizer")) GTEST_SKIP();
  ASSERT_TRUE(dataset.ok()) << dataset.status();
  EXPECT_TRUE(at::equal((*dataset)->get(0).at("input_ids"),
                        integers(expected_of_tables()["sentencepiece"]["unknown"])));
}

TEST_F(JsonLinesFilesTest, NamesTheLineOfABrokenOne) {
  const std::string path = file("{\"x\": 1}\n\n{\"x\": }\n{\"x\": 3}\n");
  const auto dataset = dataset_from(lines(path, "fields { key: 'x' }"));
  ASSERT_TRUE(dataset.ok()) << dataset.status();
  expect_broken(**dataset, 1, {path + ": line 3, byte 16: syntax error"});
  EXPECT_EQ((*dataset)->get(2).at("x").item<float>(), 3);
}

TEST_F(JsonLinesFilesTest, SuggestsTheKeyThatIsMeant) {
  expect_bad("{\"label\": 1, \"text\": 2}", "fields { key: 'lable' }",
             "there is no key \"lable\"; did you mean \"label\"?");
  expect_bad("{\"meta\": {\"label\": 1}}", "fields { key: 'meta.lable' }",
             "there is no key \"lable\" in \"meta\"; did you mean \"label\"?");
  expect_bad("{\"meta\": 3}", "fields { key: 'meta.label' }",
             "key \"meta\": expected an object, found 3");
}

TEST_F(JsonLinesFilesTest, RefusesValuesOfAnotherType) {
  expect_bad("{\"x\": \"1\"}", "fields { key: 'x' }", "key \"x\": expected a number");
  expect_bad("{\"x\": null}", "fields { key: 'x' }", "found null");
  expect_bad("{\"x\": true}", "fields { key: 'x' }", "found true");
  expect_bad("{\"x\": 1e39}", "fields { key: 'x' }", "expected a number that a float holds");
  expect_bad("{\"x\": 1.5}", "fields { key: 'x' type: INTEGER }", "a whole number of 64 bits");
  expect_bad("{\"x\": 9223372036854775808}", "fields { key: 'x' type: INTEGER }",
             "found 9223372036854775808");
  expect_bad("{\"x\": 1}", "fields { key: 'x' type: BYTES }", "expected a string, found 1");
  expect_bad("{\"x\": [1]}", "fields { key: 'x' type: CLASS classes: 'a' }",
             "expected a string or a boolean, found an array");
}

TEST_F(JsonLinesFilesTest, RefusesAClassThatIsNotListed) {
  expect_bad("{\"x\": \"horse\"}", "fields { key: 'x' type: CLASS classes: ['cat', 'house'] }",
             "expected one of the 2 classes, found \"horse\"; did you mean \"house\"?");
}

TEST_F(JsonLinesFilesTest, NamesThePlaceWhereAnArrayIsRagged) {
  expect_bad("{\"x\": [[1, 2], [3]]}", "fields { key: 'x' }",
             "key \"x\": [1]: expected an array of 2 elements, like its neighbours, found an array "
             "of 1");
  expect_bad("{\"x\": [[1], 2]}", "fields { key: 'x' }", "[1]: expected an array of 1 elements");
  expect_bad("{\"x\": [1, [2]]}", "fields { key: 'x' }", "[1]: expected a number");
  expect_bad("{\"x\": [[], [1]]}", "fields { key: 'x' }", "[1]: expected an array of 0");
  // A shape that promises 10^10 numbers.
  std::string zeros = "0";
  for (int i = 1; i < 100'000; ++i) zeros += ",0";
  expect_bad(absl::StrCat("{\"x\": [[[", zeros, "]], ", zeros, "]}"), "fields { key: 'x' }",
             "[1]: expected an array of 1 elements");
}

TEST_F(JsonLinesFilesTest, RefusesFilesThatCannotBeRead) {
  const std::string fields = "fields { key: 'x' }";
  expect_refused(lines(folder_, fields), "json_lines.files", {folder_});
  expect_refused(lines("/none.jsonl", fields), "json_lines.files", {"/none.jsonl"});
  expect_refused(lines(file(" \n"), fields), "json_lines.files", {"has no lines"});
  expect_refused("json_lines { " + fields + "}", "json_lines.files", {"no file"});
}

TEST_F(JsonLinesFilesTest, RefusesFieldsThatDoNotGoTogether) {
  const std::string path = file("{}");
  const auto refused = [&](const std::string& fields, const std::string& field) {
    expect_refused(lines(path, fields), "json_lines." + field, {});
  };
  refused("", "fields");
  refused("fields {}", "fields[0].key");
  refused("fields { key: 'a..b' }", "fields[0].key");
  refused("fields { key: 'a' tensor: '' }", "fields[0].tensor");
  refused("fields { key: 'a' } fields { key: 'b' tensor: 'a' }", "fields[1].tensor");
  refused("fields { key: 'a' tokenizer: 'x' }", "fields[0].tokenizer");
  refused("fields { key: 'a' type: TOKENS }", "fields[0].tokenizer");
  refused("fields { key: 'a' type: TOKENS tokenizer: '/none' }", "fields[0].tokenizer");
  refused("fields { key: 'a' classes: 'x' }", "fields[0].classes");
  refused("fields { key: 'a' type: CLASS }", "fields[0].classes");
  refused("fields { key: 'a' type: CLASS classes: ['x', 'y', 'x'] }", "fields[0].classes");
}

std::shared_ptr<IterableDataset> stream_from(const std::string& text) {
  config::JsonLines config;
  EXPECT_TRUE(google::protobuf::TextFormat::ParseFromString(text, &config)) << text;
  const auto item = Registry<IterableDataset>::global().find("composer.config.JsonLines");
  EXPECT_TRUE(item.ok()) << item.status();
  const auto stream = (*item)->create(config);
  EXPECT_TRUE(stream.ok()) << stream.status();
  return *stream;
}

TEST_F(JsonLinesFilesTest, StreamsTheSameSamples) {
  const auto stream =
      stream_from(absl::StrCat("files: '", golden_table("records.jsonl"), "' ", kFields));
  EXPECT_EQ(stream->num_files(), 1);
  EXPECT_EQ(stream->num_records(0), std::nullopt);
  EXPECT_EQ(stream->name(), "json_lines (records.jsonl)");
  const auto reader = stream->open(0);
  const json expected = expected_of_tables()["records"];
  for (const json& record : expected) {
    const std::optional<TensorDict> sample = reader->next();
    ASSERT_TRUE(sample.has_value());
    expect_record(*sample, record);
  }
  EXPECT_FALSE(reader->next().has_value());
  EXPECT_FALSE(reader->next().has_value());
}

TEST_F(JsonLinesFilesTest, StreamsOnBehindABrokenLine) {
  const std::string path = file("{\"x\": 0}\n\nbroken\n{\"x\": 2}\nbroken\n{\"x\": 4}");
  const auto stream = stream_from(absl::StrCat("files: '", path, "' fields { key: 'x' }"));
  const auto reader = stream->open(0);
  EXPECT_EQ(reader->next()->at("x").item<float>(), 0);
  EXPECT_THROW(reader->next(), StatusError);
  EXPECT_EQ(reader->next()->at("x").item<float>(), 2);

  // Broken lines count, and are passed over unread.
  const auto skipping = stream->open(0);
  skipping->skip(4);
  EXPECT_EQ(skipping->next()->at("x").item<float>(), 4);
  skipping->skip(3);
  EXPECT_FALSE(skipping->next().has_value());
}

TEST_F(JsonLinesFilesTest, StreamsNothingFromAnEmptyFile) {
  const auto stream = stream_from(absl::StrCat("files: '", file("\n \n"), "' fields { key: 'x' }"));
  EXPECT_FALSE(stream->open(0)->next().has_value());
  EXPECT_THROW(stream->open(1), c10::IndexError);
}

TEST_F(JsonLinesFilesTest, RefusesStreamsOfMissingFiles) {
  config::JsonLines config;
  config.add_files("/none.jsonl");
  config.add_fields()->set_key("x");
  EXPECT_EQ(field_of(JsonLinesStream::create(config).status()), "files");
  config.clear_fields();
  EXPECT_EQ(field_of(JsonLinesStream::create(config).status()), "fields");
}

}  // namespace
}  // namespace composer
