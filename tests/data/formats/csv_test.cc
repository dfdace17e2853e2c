#include "composer/data/formats/csv.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/match.h"
#include "tests/data/formats/golden_tables.h"

namespace composer {
namespace {

using Rows = std::vector<std::vector<std::string>>;

struct Read {
  absl::Status status;
  Rows rows;
  std::vector<int64_t> lines;
};

Read read(const std::string& bytes, char separator = ',') {
  Read result;
  result.status = read_csv(bytes, "a.csv", separator, [&](const CsvRow& row) {
    result.rows.push_back(row.fields);
    result.lines.push_back(row.line);
    return absl::OkStatus();
  });
  return result;
}

void expect_damaged(const std::string& bytes, const std::string& message) {
  const absl::Status status = read(bytes).status;
  EXPECT_EQ(status.code(), absl::StatusCode::kDataLoss) << status;
  EXPECT_TRUE(absl::StartsWith(status.message(), "a.csv: line ")) << status;
  EXPECT_TRUE(absl::StrContains(status.message(), message)) << status << " lacks " << message;
}

// See tests/golden/data/tables/make_tables.py.
TEST(CsvTest, AgreesWithPythonsReader) {
  const Read result = read(read_bytes(golden_table("quoted.csv")));
  ASSERT_TRUE(result.status.ok()) << result.status;
  EXPECT_EQ(result.rows, expected_of_tables()["quoted"].get<Rows>());
}

TEST(CsvTest, KnowsThePhysicalLineOfEachRow) {
  const Read result = read("a,b\r\n1,\"x\r\ny\"\r\n\r\n3,4");
  ASSERT_TRUE(result.status.ok()) << result.status;
  EXPECT_EQ(result.rows, (Rows{{"a", "b"}, {"1", "x\r\ny"}, {"3", "4"}}));
  EXPECT_EQ(result.lines, (std::vector<int64_t>{1, 2, 5}));
}

TEST(CsvTest, TakesAnyKindOfLineEndAndNoneAtTheLast) {
  const Rows expected = {{"a", "b"}, {"1", "2"}};
  for (const char* text : {"a,b\n1,2\n", "a,b\r\n1,2\r\n", "a,b\r1,2\r", "a,b\n1,2",
                           "\xef\xbb\xbf"
                           "a,b\n1,2",
                           "\n\na,b\n\n1,2\n\n\n"}) {
    const Read result = read(text);
    EXPECT_TRUE(result.status.ok()) << result.status;
    EXPECT_EQ(result.rows, expected) << text;
  }
}

TEST(CsvTest, TakesAnotherSeparator) {
  EXPECT_EQ(read("a\t\"b\tc\"\t, \n", '\t').rows, (Rows{{"a", "b\tc", ", "}}));
}

TEST(CsvTest, HasNoRowsInAnEmptyFile) {
  for (const char* text : {"", "\n", "\r\n\r\n", "\xef\xbb\xbf"}) {
    const Read result = read(text);
    EXPECT_TRUE(result.status.ok()) << result.status;
    EXPECT_TRUE(result.rows.empty());
  }
}

TEST(CsvTest, RefusesARaggedRow) {
  expect_damaged("a,b\n1,2\n\n3\n", "line 4: expected 2 fields as in the first row, found 1");
  expect_damaged("a\n1,2", "line 2: expected 1 field as in the first row, found 2");
}

TEST(CsvTest, RefusesAStrayQuote) {
  expect_damaged("a,b\n1,x\"y\n", "line 2, byte 4: found a stray quote");
  expect_damaged("a,b\n1,\"x\"y\n", "line 2, byte 5: found a stray quote");
}

TEST(CsvTest, RefusesAFieldWithoutItsClosingQuote) {
  expect_damaged("a,b\n1,2\n\"3,\n4\n\n", "line 3: a field of the row that starts here");
}

TEST(CsvTest, RefusesNulBytes) {
  expect_damaged(std::string("a,b\n1,\0\n", 8), "line 2, byte 3: expected text, found a NUL byte");
  expect_damaged(std::string("\xff\xfe"
                             "a\0,\0",
                             6),
                 "line 1, byte 4");
}

TEST(CsvTest, EndsWhereTheRowIsRefused) {
  int rows = 0;
  const absl::Status status = read_csv("a\nb\nc\n", "a.csv", ',', [&](const CsvRow& row) {
    ++rows;
    return row.line == 2 ? absl::CancelledError("enough") : absl::OkStatus();
  });
  EXPECT_EQ(status, absl::CancelledError("enough"));
  EXPECT_EQ(rows, 2);
}

TEST(CsvTest, ReadsLongFields) {
  const std::string field(1'000'000, 'x');
  EXPECT_EQ(read("a,\"" + field + "\"\n").rows, (Rows{{"a", field}}));
}

}  // namespace
}  // namespace composer
