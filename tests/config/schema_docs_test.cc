#include "composer/config/schema_docs.h"

#include "gtest/gtest.h"
#include "proto/run.pb.h"
#include "tests/config/plugin.pb.h"

namespace composer {
namespace {

TEST(SchemaDocs, AMessageAndItsFieldsHaveTheCommentsOfTheSchema) {
  const MessageDoc doc = describe_message(config::LabelSmoothing::descriptor());
  EXPECT_EQ(doc.name, "LabelSmoothing");
  EXPECT_EQ(doc.full_name, "composer.config.LabelSmoothing");
  EXPECT_NE(doc.comment.find("arXiv:1512.00567"), std::string::npos);
  EXPECT_EQ(doc.comment.find('\n'), std::string::npos);
  ASSERT_FALSE(doc.fields.empty());
  const FieldDoc& field = doc.fields[0];
  EXPECT_EQ(field.name, "smoothing");
  EXPECT_EQ(field.type, "double");
  EXPECT_EQ(field.default_value, "0.1");
  EXPECT_EQ(field.checks, std::vector<std::string>{"from 0 to 1"});
  EXPECT_EQ(field.kind, config::STATEFUL);
  EXPECT_EQ(field.comment,
            "The weight of the uniform distribution. 0.1 is the paper's value for ImageNet.");
}

TEST(SchemaDocs, EnumsHaveTheirValues) {
  const FieldDoc field = describe_message(config::GradientClipping::descriptor()).fields[0];
  EXPECT_EQ(field.type, "Type");
  EXPECT_EQ(field.default_value, "");
  EXPECT_EQ(field.checks, std::vector<std::string>{"required"});
  ASSERT_EQ(field.values.size(), 3u);
  EXPECT_EQ(field.values[1].name, "VALUE");
  EXPECT_EQ(field.values[1].comment, "Each element is clamped to [-threshold, threshold].");
}

TEST(SchemaDocs, ChecksAreInWords) {
  const MessageDoc doc = describe_message(config::Evaluator::descriptor());
  EXPECT_EQ(doc.fields[3].name, "interval");
  EXPECT_EQ(doc.fields[3].default_value, "\"1ep\"");
  EXPECT_EQ(doc.fields[3].checks,
            std::vector<std::string>{"a time in ep, ba, sp, tok, dur or sec, may be zero"});
  EXPECT_EQ(doc.fields[2].type, "list of string");
}

TEST(SchemaDocs, MembersOfAOneofNameIt) {
  for (const FieldDoc& field : describe_message(config::Algorithm::descriptor()).fields) {
    EXPECT_EQ(field.oneof, "algorithm");
  }
}

TEST(SchemaDocs, EveryFieldOfARunIsDocumentedOrNamesADocumentedMessage) {
  for (const FieldDoc& field : describe_message(config::Run::descriptor()).fields) {
    const auto* type = config::Run::descriptor()->FindFieldByName(field.name)->message_type();
    EXPECT_TRUE(!field.comment.empty() || type != nullptr) << field.name;
  }
}

TEST(SchemaDocs, TypesOfPluginsHaveNoComments) {
  const MessageDoc doc = describe_message(test::Everything::descriptor());
  EXPECT_EQ(doc.fields[0].name, "small");
  EXPECT_EQ(doc.fields[0].checks, std::vector<std::string>{"at most 100"});
  EXPECT_EQ(doc.comment, "");
  EXPECT_EQ(doc.fields[0].comment, "");
}

}  // namespace
}  // namespace composer
