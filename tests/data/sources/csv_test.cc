#include "composer/data/sources/csv.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "tests/data/formats/golden_tables.h"
#include "tests/data/formats/idx_files.h"
#include "tests/data/sources/dataset_from_text.h"

namespace composer {
namespace {

using nlohmann::json;

void expect_floats(const at::Tensor& found, const json& expected) {
  ASSERT_EQ(found.scalar_type(), at::kFloat);
  ASSERT_EQ(found.sizes(), (at::IntArrayRef{static_cast<int64_t>(expected.size())}));
  for (int64_t i = 0; i < found.size(0); ++i) {
    EXPECT_FLOAT_EQ(found[i].item<float>(), expected[i].get<float>()) << i;
  }
}

void expect_integers(const at::Tensor& found, const json& expected) {
  ASSERT_EQ(found.scalar_type(), at::kLong);
  ASSERT_EQ(found.sizes(), (at::IntArrayRef{static_cast<int64_t>(expected.size())}));
  for (int64_t i = 0; i < found.size(0); ++i) {
    EXPECT_EQ(found[i].item<int64_t>(), expected[i].get<int64_t>()) << i;
  }
}

std::string people(const std::string& file, const std::string& more = "") {
  return absl::StrCat("csv { separator: ';' missing_words: 'NA' file: '", golden_table(file), "' ",
                      R"(
    columns { name: "label" type: CATEGORY tensor: "target" }
    columns { name: "age" tensor: "input" standardize: true missing: FILL missing_value: 40 }
    columns { name: "height" tensor: "input" missing: MEAN }
    columns { name: "city" type: CATEGORY missing: FILL unknown: OWN_CATEGORY }
    columns { name: "children" type: INTEGER missing: FILL missing_value: -1 }
  )",
                      more, "}");
}

void expect_people(const Dataset& dataset, const json& expected) {
  const Batch batch = all_of(dataset);
  const int64_t rows = static_cast<int64_t>(expected["age"].size());
  EXPECT_EQ(batch.num_samples(), rows);
  ASSERT_EQ(batch.at("input").sizes(), (at::IntArrayRef{rows, 2}));
  expect_floats(batch.at("input").select(1, 0), expected["age"]);
  expect_floats(batch.at("input").select(1, 1), expected["height"]);
  expect_integers(batch.at("city"), expected["city"]);
  expect_integers(batch.at("children"), expected["children"]);
  expect_integers(batch.at("target"), expected["label"]);
}

// See tests/golden/data/tables/make_tables.py.
TEST(CsvSourceTest, AgreesWithPythonOnTheSplitItLearnsFrom) {
  const json expected = expected_of_tables()["train"];
  const auto dataset = dataset_from(people("train.csv"));
  ASSERT_TRUE(dataset.ok()) << dataset.status();
  EXPECT_EQ((*dataset)->name(), "csv (train.csv)");
  expect_people(**dataset, expected);
  ASSERT_TRUE((*dataset)->learnt().has_value());
  EXPECT_TRUE((*dataset)->learnt()->from_own_samples);
  const json learnt = json::parse((*dataset)->learnt()->text);
  for (const char* column : {"city", "label"}) {
    EXPECT_EQ(learnt["columns"][column], expected["learnt"]["columns"][column]);
  }
  for (const char* column : {"age", "height"}) {
    for (const char* value : {"mean", "std"}) {
      EXPECT_DOUBLE_EQ(learnt["columns"][column][value].get<double>(),
                       expected["learnt"]["columns"][column][value].get<double>());
    }
  }
  EXPECT_EQ(learnt["columns"].size(), 4u);
}

TEST(CsvSourceTest, AgreesWithPythonOnASplitThatLearnsFromAnother) {
  const auto dataset =
      dataset_from(people("test.csv", "learn_from: '" + golden_table("train.csv") + "'"));
  ASSERT_TRUE(dataset.ok()) << dataset.status();
  expect_people(**dataset, expected_of_tables()["test"]);
  EXPECT_FALSE((*dataset)->learnt()->from_own_samples);
}

TEST(CsvSourceTest, ReadsBackExactlyWhatWasLearnt) {
  const auto train = dataset_from(people("train.csv"));
  const std::string path = make_folder() + "/learnt.json";
  write_file(path, (*train)->learnt()->text);
  const auto test = dataset_from(people("test.csv", "learnt: '" + path + "'"));
  ASSERT_TRUE(test.ok()) << test.status();
  const auto beside =
      dataset_from(people("test.csv", "learn_from: '" + golden_table("train.csv") + "'"));
  for (const auto& [name, tensor] : all_of(**beside)) {
    EXPECT_TRUE(at::equal(all_of(**test).at(name), tensor)) << name;
  }
  EXPECT_EQ((*test)->learnt()->text, (*train)->learnt()->text);
  EXPECT_FALSE((*test)->learnt()->from_own_samples);
}

TEST(CsvSourceTest, GivesASampleLikeARowOfTheBatch) {
  const auto dataset = dataset_from(people("train.csv"));
  const Batch batch = (*dataset)->get_batch({3, 0, 3});
  const TensorDict sample = (*dataset)->get(3);
  EXPECT_EQ(sample.at("input").sizes(), (at::IntArrayRef{2}));
  EXPECT_EQ(sample.at("city").dim(), 0);
  for (const auto& [name, tensor] : sample) {
    EXPECT_TRUE(at::equal(batch.at(name)[0], tensor)) << name;
    EXPECT_TRUE(at::equal(batch.at(name)[2], tensor)) << name;
  }
  EXPECT_THROW((*dataset)->get(6), c10::IndexError);
}

class CsvFilesTest : public testing::Test {
 protected:
  // A config for a file of these bytes.
  std::string table(const std::string& bytes, const std::string& more,
                    const std::string& name = "a.csv") {
    path_ = folder_ + "/" + name;
    write_file(path_, bytes);
    return absl::StrCat("csv { file: '", path_, "' ", more, " }");
  }

  std::string numbers(const std::string& bytes) {
    return table(bytes, "columns { name: 'x' } columns { name: 'n' type: INTEGER }");
  }

  // The file must be refused; the message begins with its name and has `part`.
  void expect_bad(const std::string& config, const std::string& part) {
    expect_refused(config, "csv.file", {absl::StrCat(path_, ": ", part)});
  }

  const std::string folder_ = make_folder();
  std::string path_;
};

TEST_F(CsvFilesTest, ReadsTabsAndFilesWithoutAHeader) {
  const auto dataset = dataset_from(
      table("1\tb\n2\ta\n",
            "header: false columns { name: '0' } columns { name: '1' type: CATEGORY }", "a.tsv"));
  ASSERT_TRUE(dataset.ok()) << dataset.status();
  const Batch batch = all_of(**dataset);
  EXPECT_TRUE(at::equal(batch.at("0"), at::tensor({1.0f, 2.0f})));
  EXPECT_TRUE(at::equal(batch.at("1"), at::tensor({1, 0}, at::kLong)));
}

TEST_F(CsvFilesTest, HasNothingLearntWithoutColumnsThatLearn) {
  const auto dataset = dataset_from(numbers("x,n\n1,2\n"));
  ASSERT_TRUE(dataset.ok()) << dataset.status();
  EXPECT_FALSE((*dataset)->learnt().has_value());
}

TEST_F(CsvFilesTest, TakesADeviationOf1ForAConstantColumn) {
  const auto dataset =
      dataset_from(table("x\n0.1\n0.1\n0.1\n", "columns { name: 'x' standardize: true }"));
  ASSERT_TRUE(dataset.ok()) << dataset.status();
  const at::Tensor x = all_of(**dataset).at("x");
  EXPECT_LT(x.abs().max().item<float>(), 1e-6);
  EXPECT_EQ(json::parse((*dataset)->learnt()->text)["columns"]["x"]["std"], 1);
}

TEST_F(CsvFilesTest, NamesThePlaceOfWhatIsNoNumber) {
  expect_bad(numbers("x,n\n1,2\nold,2\n"),
             "line 3, column \"x\": expected a finite float, found \"old\"");
  for (const char* bad : {"1 2", "1,5", "0x10", "1e", "inf", "nan", "1e39", "1e999", "--1", "+-1",
                          "+", "1_000", "\xd9\xa1"}) {
    expect_bad(numbers(absl::StrCat("x,n\n\"", bad, "\",1\n")), "line 2, column \"x\": expected a");
  }
  for (const char* bad : {"1.0", "1e3", "9223372036854775808", "-9223372036854775809", "x"}) {
    expect_bad(numbers(absl::StrCat("x,n\n1,", bad, "\n")),
               "line 2, column \"n\": expected a whole number of 64 bits, found \"");
  }
}

TEST_F(CsvFilesTest, TakesNumbersToTheirLimits) {
  const auto dataset = dataset_from(numbers(
      "x,n\n3.4028234e38,9223372036854775807\n-1e-400, -9223372036854775808\n.5,+3\n5.,-0\n"));
  ASSERT_TRUE(dataset.ok()) << dataset.status();
  const Batch batch = all_of(**dataset);
  EXPECT_TRUE(at::equal(batch.at("x"), at::tensor({3.4028234e38f, 0.0f, 0.5f, 5.0f})));
  EXPECT_TRUE(at::equal(batch.at("n"),
                        at::tensor({INT64_MAX, INT64_MIN, int64_t{3}, int64_t{0}}, at::kLong)));
}

TEST_F(CsvFilesTest, RefusesAMissingValueUnlessTold) {
  expect_bad(numbers("x,n\n1,\n"), "line 2, column \"n\": the value is missing (\"\")");
  expect_bad(numbers("x,n\n  ,1\n"), "line 2, column \"x\": the value is missing (\"  \")");
  expect_bad(table("c\n\"\"\n", "columns { name: 'c' type: CATEGORY }"), "line 2, column \"c\"");
}

TEST_F(CsvFilesTest, SaysWhereAnUnknownCategoryComesFirst) {
  write_file(folder_ + "/train.csv", "c\nRome\nBern\n");
  expect_bad(table("c\nBern\nRoma\nRoma\n",
                   absl::StrCat("columns { name: 'c' type: CATEGORY } learn_from: '", folder_,
                                "/train.csv'")),
             "line 3, column \"c\": expected one of the 2 categories that were learnt, found "
             "\"Roma\"; did you mean \"Rome\"?");
}

TEST_F(CsvFilesTest, DoesNotListManyCategories) {
  std::string train = "c\n";
  for (int i = 0; i < 1000; ++i) absl::StrAppend(&train, "category ", i, "\n");
  write_file(folder_ + "/train.csv", train);
  const std::string config = table(
      "c\nwholly different\n",
      absl::StrCat("columns { name: 'c' type: CATEGORY } learn_from: '", folder_, "/train.csv'"));
  expect_bad(config, "line 2, column \"c\": expected one of the 1000 categories");
  EXPECT_LT(dataset_from(config).status().message().size(), 400u);
}

TEST_F(CsvFilesTest, RefusesTextThatIsNotUtf8) {
  expect_bad(table("c\na\n\xe9t\xe9\n", "columns { name: 'c' type: CATEGORY }"),
             "line 3, column \"c\": expected UTF-8, found \"\\xe9t\\xe9\"");
}

TEST_F(CsvFilesTest, RefusesATableWithoutRows) {
  const std::string columns = "columns { name: 'x' }";
  expect_refused(table("", columns), "csv.file", {path_ + " has no rows"});
  expect_refused(table("x\r\n", columns), "csv.file", {path_ + " has no rows below its header"});
}

TEST_F(CsvFilesTest, PassesOnWhatIsWrongWithTheForm) {
  expect_bad(numbers("x,n\n1,2\n3\n"), "line 3: expected 2 fields");
  expect_bad(numbers("x,n\n1,\"2\n"), "line 2: a field of the row");
  expect_bad(numbers(std::string("x,n\n1,\0\n", 8)), "line 2, byte 3");
}

TEST_F(CsvFilesTest, SuggestsTheColumnThatIsMeant) {
  expect_refused(table("height,n\n1,2\n", "columns { name: 'n' } columns { name: 'heigth' }"),
                 "csv.columns[1].name", {"has no column \"heigth\"; did you mean \"height\"?"});
  expect_refused(table("1,2\n", "header: false columns { name: '2' }"), "csv.columns[0].name",
                 {"has no column \"2\""});
  expect_refused(table("x,x\n1,2\n", "columns { name: 'x' }"), "csv.columns[0].name",
                 {"more than one column \"x\""});
}

TEST_F(CsvFilesTest, RefusesFilesThatCannotBeRead) {
  const std::string columns = "columns { name: 'x' type: CATEGORY }";
  expect_refused(absl::StrCat("csv { file: '", folder_, "' ", columns, "}"), "csv.file", {folder_});
  expect_refused(absl::StrCat("csv { file: '/none.csv' ", columns, "}"), "csv.file", {"/none.csv"});
  expect_refused(table("x\n1\n", columns + " learn_from: '/none.csv'"), "csv.learn_from",
                 {"/none.csv"});
  expect_refused(table("x\n1\n", columns + " learnt: '/none.json'"), "csv.learnt", {"/none.json"});
}

TEST_F(CsvFilesTest, RefusesFieldsThatDoNotGoTogether) {
  const auto refused = [&](const std::string& fields, const std::string& field) {
    expect_refused(table("x,y\n1,2\n", fields), "csv." + field, {});
  };
  refused("", "columns");
  refused("columns { name: 'x' } separator: ';;'", "separator");
  refused("columns { name: 'x' } separator: '\"'", "separator");
  refused("columns { name: 'x' } learnt: 'a' learn_from: 'b'", "learnt");
  refused("columns { name: 'x' } columns { name: 'x' tensor: 'z' }", "columns[1].name");
  refused("columns { name: 'x' tensor: '' }", "columns[0].tensor");
  refused("columns { name: 'x' tensor: 't' } columns { name: 'y' tensor: 't' type: INTEGER }",
          "columns[1].type");
  refused("columns { name: 'x' type: INTEGER missing: MEAN }", "columns[0].missing");
  refused("columns { name: 'x' type: CATEGORY standardize: true }", "columns[0].standardize");
  refused("columns { name: 'x' unknown: OWN_CATEGORY }", "columns[0].unknown");
  refused("columns { name: 'x' missing_value: 1 }", "columns[0].missing_value");
  refused("columns { name: 'x' type: CATEGORY missing: FILL missing_value: 1 }",
          "columns[0].missing_value");
  refused("columns { name: 'x' type: INTEGER missing: FILL missing_value: 1.5 }",
          "columns[0].missing_value");
  refused("columns { name: 'x' missing: FILL missing_value: inf }", "columns[0].missing_value");
}

TEST_F(CsvFilesTest, RefusesToLearnAMeanFromNothing) {
  expect_refused(table("x,y\n,1\n", "columns { name: 'x' missing: MEAN }"), "csv.columns[0]",
                 {"\"x\" has no value"});
}

TEST_F(CsvFilesTest, RefusesWhatWasLearntOfOtherColumns) {
  const std::string columns =
      "columns { name: 'c' type: CATEGORY } columns { name: 'x' standardize: true }";
  const std::string sound =
      R"({"columns": {"c": {"categories": ["a"]}, "x": {"mean": 0, "std": 2}}})";
  const auto config = [&](const std::string& learnt) {
    write_file(folder_ + "/learnt.json", learnt);
    return table("c,x\na,3\n", absl::StrCat(columns, " learnt: '", folder_, "/learnt.json'"));
  };
  const auto dataset = dataset_from(config(sound));
  ASSERT_TRUE(dataset.ok()) << dataset.status();
  EXPECT_EQ((*dataset)->get(0).at("x").item<float>(), 1.5f);

  const auto refused = [&](const std::string& learnt, const std::string& part) {
    expect_refused(config(learnt), "csv.learnt", {folder_ + "/learnt.json", part});
  };
  refused("{", "line 1");
  refused("[]", "expected an object");
  refused("{}", "expected {\"columns\": {...}}");
  refused(R"({"columns": {"c": {"categories": ["a"]}}})", "nothing of the column \"x\"");
  refused(R"({"columns": {"c": {"mean": 0, "std": 1}, "x": {"mean": 0, "std": 2}}})",
          "column \"c\": expected {\"categories\"");
  refused(R"({"columns": {"c": {"categories": ["a"]}, "x": {"categories": ["a"]}}})",
          "column \"x\": expected {\"mean\"");
  refused(R"({"columns": {"c": {"categories": ["a"]}, "x": {"mean": 0, "std": 0}}})",
          "column \"x\": expected a std above 0");
  refused(R"({"columns": {"c": {"categories": ["b", "a"]}, "x": {"mean": 0, "std": 2}}})",
          "in the order of their bytes");
  refused(R"({"columns": {"c": {"categories": [1]}, "x": {"mean": 0, "std": 2}}})", "strings");
  refused(
      R"({"columns": {"c": {"categories": ["a"]}, "x": {"mean": 0, "std": 2}, "xx": {"mean": 0, "std": 1}}})",
      "tells of the column \"xx\"");
}

}  // namespace
}  // namespace composer
