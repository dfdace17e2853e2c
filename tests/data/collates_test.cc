#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <limits>
#include <map>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "composer/base/counter_random.h"
#include "composer/base/status.h"
#include "composer/config/build_chosen.h"
#include "composer/data/collates/pad_collate.h"
#include "composer/data/registry.h"
#include "google/protobuf/text_format.h"
#include "proto/data.pb.h"
#include "tests/testing/golden.h"

namespace composer {
namespace {

config::Collate parse(const std::string& text) {
  config::Collate config;
  EXPECT_TRUE(google::protobuf::TextFormat::ParseFromString(text, &config)) << text;
  return config;
}

std::unique_ptr<Collate> make(const std::string& text) {
  auto collate = build_chosen<Collate>(parse(text));
  EXPECT_TRUE(collate.ok()) << collate.status();
  return *std::move(collate);
}

absl::Status error_of(const std::string& text) {
  return build_chosen<Collate>(parse(text)).status();
}

at::Tensor longs(const std::vector<int64_t>& values) { return at::tensor(values, at::kLong); }

std::vector<int64_t> row(const at::Tensor& tensor, int64_t index) {
  const at::Tensor values = tensor[index].contiguous();
  return {values.data_ptr<int64_t>(), values.data_ptr<int64_t>() + values.numel()};
}

std::string message_of(const Collate& collate, const std::vector<TensorDict>& samples) {
  try {
    collate(samples);
  } catch (const c10::ValueError& error) {
    return error.what_without_backtrace();
  }
  ADD_FAILURE() << "nothing was thrown";
  return "";
}

const TensorDict& golden() {
  static const TensorDict& numbers =
      *new TensorDict(testing::read_golden("tests/golden/data/collates.txt"));
  return numbers;
}

// All tensors of the batch are those of the golden case, and the other way round.
void expect_golden(const Batch& batch, const std::string& prefix) {
  size_t expected = 0;
  for (const auto& [name, tensor] : golden()) {
    if (!absl::StartsWith(name, prefix + "/")) continue;
    ++expected;
    const at::Tensor* actual = batch.find(name.substr(prefix.size() + 1));
    ASSERT_NE(actual, nullptr) << name;
    EXPECT_TRUE(at::equal(*actual, tensor)) << name << "\n" << *actual << "\n" << tensor;
  }
  EXPECT_EQ(batch.size(), expected) << prefix;
}

std::vector<TensorDict> documents(const std::string& labels, size_t count = 12) {
  std::vector<TensorDict> samples;
  for (size_t i = 0; i < count; ++i) {
    const at::Tensor tokens = golden().at(absl::StrCat("documents/", i));
    at::Tensor label = tokens + 100;
    if (labels == "same") label = tokens.clone();
    if (labels == "next") label = at::cat({tokens.slice(0, 1), longs({99})});
    samples.push_back({{"input_ids", tokens}, {"labels", label}});
  }
  return samples;
}

TEST(StackCollateTest, StacksSamplesOfOneShape) {
  const auto stack = make("stack {}");
  const Batch batch = (*stack)({{{"input", at::ones({2})}}, {{"input", at::zeros({2})}}});
  EXPECT_TRUE(at::equal(batch.at("input"), at::tensor({1.f, 1.f, 0.f, 0.f}).view({2, 2})));
  EXPECT_TRUE(
      absl::StrContains(message_of(*stack, {{{"a", at::ones({2})}}, {{"a", at::ones({3})}}}),
                        "\"a\" of sample 1 of the batch is float [3]"));
  EXPECT_TRUE((*stack)({}).empty());
}

TEST(PadCollateTest, AgreesWithTransformers) {
  const std::map<std::string, std::string> cases = {
      {"longest", ""},
      {"left", "side: LEFT"},
      {"multiple", "multiple_of: 8"},
      {"max", "max_length: 32 pad_to_max: true"},
      {"cut", "max_length: 10"},
      {"cut_left", "side: LEFT max_length: 10 pad_to_max: true"},
  };
  for (const auto& [name, options] : cases) {
    const auto pad =
        make(absl::StrCat("pad { fill { tensor: 'input_ids' value: 3 } ", options, " }"));
    expect_golden((*pad)(documents("plus 100")), "pad/" + name);
  }
}

TEST(PadCollateTest, FillsTheFirstDimensionOfSequencesAndStacksTheRest) {
  const auto pad = make("pad { multiple_of: 4 fill { tensor: 'x' value: 0.5 } }");
  std::vector<TensorDict> samples;
  for (const int64_t length : {3, 0, 5}) {
    samples.push_back({{"x", at::arange(length * 2, at::kFloat).view({length, 2})},
                       {"flag", at::ones({length}, at::kBool)},
                       {"target", at::scalar_tensor(length, at::kLong)}});
  }
  const Batch batch = (*pad)(samples);
  EXPECT_EQ(batch.size(), 3u);
  EXPECT_EQ(batch.at("x").sizes(), (at::IntArrayRef{3, 8, 2}));
  EXPECT_TRUE(at::equal(batch.at("x")[0].slice(0, 0, 3), samples[0].at("x")));
  EXPECT_TRUE(batch.at("x")[0].slice(0, 3).eq(0.5).all().item<bool>());
  EXPECT_TRUE(batch.at("x")[1].eq(0.5).all().item<bool>());
  EXPECT_TRUE(at::equal(batch.at("x")[2].slice(0, 0, 5), samples[2].at("x")));
  EXPECT_TRUE(at::equal(batch.at("flag").sum(1), longs({3, 0, 5})));
  EXPECT_TRUE(at::equal(batch.at("target"), longs({3, 0, 5})));
}

TEST(PadCollateTest, PadsTheTensorsThatAreListedAlone) {
  const auto pad = make("pad { multiple_of: 8 tensors: ['input_ids'] }");
  const TensorDict sample = {{"input", at::ones({3, 4, 4})}, {"input_ids", longs({5, 6, 7})}};
  const Batch batch = (*pad)({sample, sample});
  EXPECT_EQ(batch.at("input").sizes(), (at::IntArrayRef{2, 3, 4, 4}));
  EXPECT_EQ(batch.at("input_ids").sizes(), (at::IntArrayRef{2, 8}));
  EXPECT_EQ(batch.at("attention_mask").sum().item<int64_t>(), 6);

  const auto other = make("pad { tensors: ['x'] }");
  EXPECT_FALSE(
      (*other)({{{"x", at::ones({3})}, {"input_ids", longs({5})}}}).contains("attention_mask"));
}

TEST(PadCollateTest, KeepsTheAttentionMaskOfTheSamples) {
  const auto pad = make("pad {}");
  const Batch batch =
      (*pad)({{{"input_ids", longs({1, 2})}, {"attention_mask", longs({0, 1})}},
              {{"input_ids", longs({1, 2, 3})}, {"attention_mask", longs({1, 1, 1})}}});
  EXPECT_EQ(row(batch.at("attention_mask"), 0), (std::vector<int64_t>{0, 1, 0}));
}

// Views with gaps: what is copied is their values, not their memory.
TEST(PadCollateTest, TakesTensorsOfAnyLayout) {
  const at::Tensor table = at::arange(12).view({3, 4});
  const Batch batch = (*make("pad {}"))({{{"x", table.t()}}, {{"x", table.t().slice(0, 0, 2)}}});
  EXPECT_TRUE(at::equal(batch.at("x")[0], table.t()));
  EXPECT_TRUE(at::equal(batch.at("x")[1].slice(0, 0, 2), table.t().slice(0, 0, 2)));
  EXPECT_EQ((*make("pad {}"))({{{"x", at::ones({0})}}}).at("x").sizes(), (at::IntArrayRef{1, 0}));
}

TEST(PadCollateTest, SaysWhichSampleDoesNotFit) {
  const auto pad = make("pad {}");
  EXPECT_TRUE(absl::StrContains(
      message_of(*pad, {{{"x", at::ones({2, 3})}}, {{"x", at::ones({2, 4})}}}),
      "\"x\" of sample 1 of the batch is float [2, 4]; that of the first sample is float [2, 3]"));
  EXPECT_TRUE(absl::StrContains(
      message_of(*pad, {{{"x", at::ones({2})}}, {{"x", at::ones({2}, at::kLong)}}}),
      "\"x\" of sample 1 of the batch is long int [2]"));
  EXPECT_TRUE(absl::StrContains(message_of(*pad, {{{"x", at::ones({2})}}, {{"y", at::ones({2})}}}),
                                "sample 1 of the batch has no tensor \"x\""));
  EXPECT_TRUE(absl::StrContains(message_of(*make("pad { tensors: 'y' }"), {{{"x", at::ones({2})}}}),
                                "lists \"y\", which the samples do not have"));
  EXPECT_TRUE(absl::StrContains(
      message_of(*make("pad { fill { tensor: 'y' value: 1 } }"), {{{"x", at::ones({2})}}}),
      "has \"y\", which the samples do not have"));
  EXPECT_TRUE(
      absl::StrContains(message_of(*make("pad { tensors: 'x' }"), {{{"x", at::scalar_tensor(1)}}}),
                        "no dimension that could be padded"));
}

TEST(PadCollateTest, FillsWithNothingThatTheTypeCannotHold) {
  const auto fill = [](double value, at::ScalarType type) {
    config::PadCollate config;
    auto& chosen = *config.add_fill();
    chosen.set_tensor("x");
    chosen.set_value(value);
    const auto pad = *PadCollate::create(config);
    return (*pad)({{{"x", at::ones({0}, type)}}, {{"x", at::ones({1}, type)}}}).at("x")[0][0];
  };
  EXPECT_EQ(fill(255, at::kByte).item<int64_t>(), 255);
  EXPECT_EQ(fill(-128, at::kChar).item<int64_t>(), -128);
  EXPECT_EQ(fill(2147483647, at::kInt).item<int64_t>(), 2147483647);
  EXPECT_EQ(fill(-0x1p63, at::kLong).item<int64_t>(), std::numeric_limits<int64_t>::min());
  EXPECT_EQ(fill(0.25, at::kHalf).item<double>(), 0.25);
  EXPECT_EQ(fill(1, at::kBool).item<bool>(), true);
  EXPECT_THROW(fill(256, at::kByte), c10::ValueError);
  EXPECT_THROW(fill(-1, at::kByte), c10::ValueError);
  EXPECT_THROW(fill(128, at::kChar), c10::ValueError);
  EXPECT_THROW(fill(2147483648, at::kInt), c10::ValueError);
  EXPECT_THROW(fill(0x1p63, at::kLong), c10::ValueError);
  EXPECT_THROW(fill(0.5, at::kLong), c10::ValueError);
  EXPECT_THROW(fill(2, at::kBool), c10::ValueError);
}

TEST(PadCollateTest, NamesTheFieldThatCannotBe) {
  EXPECT_EQ(field_of(error_of("pad { multiple_of: 0 }")), "pad.multiple_of");
  EXPECT_EQ(field_of(error_of("pad { max_length: 0 }")), "pad.max_length");
  EXPECT_EQ(field_of(error_of("pad { max_length: 10 multiple_of: 8 }")), "pad.max_length");
  EXPECT_EQ(field_of(error_of("pad { pad_to_max: true }")), "pad.max_length");
  EXPECT_EQ(field_of(error_of("pad { tensors: ['a', 'b', 'a'] }")), "pad.tensors[2]");
  EXPECT_EQ(field_of(error_of("pad { fill { tensor: 'a' } fill { tensor: 'a' value: 1 } }")),
            "pad.fill[1].tensor");
  EXPECT_EQ(field_of(error_of("pad { tensors: 'a' fill { tensor: 'b' } }")), "pad.fill[0].tensor");
  EXPECT_EQ(field_of(error_of("")), "");
}

TEST(PackCollateTest, AgreesWithAPlainPacker) {
  const std::map<std::string, std::string> labels = {{"same", "SAME"}, {"next", "NEXT_TOKEN"}};
  for (const auto& [kind, label] : labels) {
    for (const std::string long_sequences : {"truncate", "split"}) {
      const auto pack = make(absl::StrCat(
          "pack { length: 8 fill_token: 3 labels: ", label,
          " long_sequences: ", long_sequences == "split" ? "SPLIT" : "TRUNCATE", " }"));
      expect_golden((*pack)(documents(kind)), absl::StrCat("pack/", long_sequences, "_", kind));
    }
  }
  expect_golden((*make("pack { length: 32 fill_token: 3 }"))(documents("next", 3)), "pack/one_row");
}

// Whose rows have no end: a row that is just full is the same.
TEST(PackCollateTest, AgreesWithTransformersFlattening) {
  const Batch batch = (*make("pack { length: 23 labels: SAME }"))(documents("same", 4));
  for (const char* name : {"input_ids", "labels", "position_ids"}) {
    EXPECT_TRUE(at::equal(batch.at(name), golden().at(absl::StrCat("flat/", name)))) << name;
  }
}

TEST(PackCollateTest, KeepsTheLossWithinDocuments) {
  const std::vector<TensorDict> next = {
      {{"input_ids", longs({11, 12, 13})}, {"labels", longs({12, 13, 14})}},
      {{"input_ids", longs({21, 22})}, {"labels", longs({22, -100})}},
      {{"input_ids", longs({31, 32, 33, 34, 35, 36, 37})},
       {"labels", longs({32, 33, 34, 35, 36, 37, 38})}},
  };
  Batch batch = (*make("pack { length: 6 fill_token: 9 }"))(next);
  ASSERT_EQ(batch.num_samples(), 2);
  EXPECT_EQ(row(batch.at("input_ids"), 0), (std::vector<int64_t>{11, 12, 13, 21, 22, 37}));
  EXPECT_EQ(row(batch.at("labels"), 0), (std::vector<int64_t>{12, 13, 14, 22, -100, 38}));
  EXPECT_EQ(row(batch.at("document_ids"), 0), (std::vector<int64_t>{0, 0, 0, 1, 1, 2}));
  EXPECT_EQ(row(batch.at("position_ids"), 0), (std::vector<int64_t>{0, 1, 2, 0, 1, 0}));
  EXPECT_EQ(row(batch.at("input_ids"), 1), (std::vector<int64_t>{31, 32, 33, 34, 35, 36}));
  // 37 is the real next token, though it lies in another row.
  EXPECT_EQ(row(batch.at("labels"), 1), (std::vector<int64_t>{32, 33, 34, 35, 36, 37}));

  std::vector<TensorDict> same = next;
  for (TensorDict& sample : same) sample.set("labels", sample.at("input_ids").clone());
  batch = (*make("pack { length: 6 labels: SAME }"))(same);
  EXPECT_EQ(row(batch.at("labels"), 0), (std::vector<int64_t>{-100, 12, 13, -100, 22, -100}));
  EXPECT_EQ(row(batch.at("labels"), 1), (std::vector<int64_t>{-100, 32, 33, 34, 35, 36}));
  EXPECT_TRUE(at::equal(same[0].at("labels"), longs({11, 12, 13})));

  batch = (*make("pack { length: 6 labels: SAME long_sequences: TRUNCATE }"))(same);
  EXPECT_EQ(row(batch.at("input_ids"), 0), (std::vector<int64_t>{11, 12, 13, 21, 22, 0}));
  EXPECT_EQ(row(batch.at("attention_mask"), 0), (std::vector<int64_t>{1, 1, 1, 1, 1, 0}));
  EXPECT_EQ(row(batch.at("document_ids"), 0), (std::vector<int64_t>{0, 0, 0, 1, 1, -1}));
  EXPECT_EQ(row(batch.at("position_ids"), 0), (std::vector<int64_t>{0, 1, 2, 0, 1, 0}));
  EXPECT_EQ(row(batch.at("labels"), 0), (std::vector<int64_t>{-100, 12, 13, -100, 22, -100}));
  EXPECT_EQ(row(batch.at("labels"), 1), (std::vector<int64_t>{-100, 32, 33, 34, 35, 36}));
}

// For random documents: every token once, in order, with its own label; no loss whose prediction
// and context lie in two documents; no row that an earlier one had room for.
TEST(PackCollateTest, LosesNoTokenAndCrossesNoBoundary) {
  CounterRandom random(4);
  for (int trial = 0; trial < 100; ++trial) {
    const int64_t length = 2 + random.below(30);
    const bool same = random.chance(0.5);
    std::vector<TensorDict> samples;
    // Tokens are numbered through, so that each is known by its value.
    int64_t tokens = 0;
    const int64_t count = 1 + random.below(20);
    for (int64_t i = 0; i < count; ++i) {
      const int64_t size = (i == 0 ? 1 : 0) + random.below(60);
      const at::Tensor ids = at::arange(tokens, tokens + size);
      tokens += size + 1;
      samples.push_back({{"input_ids", ids},
                         {"labels", same ? ids.clone() : ids + 1},
                         {"weight", ids.to(at::kFloat).mul(2)}});
    }
    const Batch batch =
        (*make(absl::StrCat("pack { length: ", length, " labels: ", same ? "SAME" : "NEXT_TOKEN",
                            " fill_token: 0 }")))(samples);
    std::vector<int64_t> seen(tokens);
    for (int64_t r = 0; r < batch.num_samples(); ++r) {
      const std::vector<int64_t> ids = row(batch.at("input_ids"), r);
      const std::vector<int64_t> labels = row(batch.at("labels"), r);
      const std::vector<int64_t> documents = row(batch.at("document_ids"), r);
      const std::vector<int64_t> positions = row(batch.at("position_ids"), r);
      const std::vector<int64_t> mask = row(batch.at("attention_mask"), r);
      for (int64_t t = 0; t < length; ++t) {
        ASSERT_EQ(mask[t] == 1, documents[t] >= 0);
        if (mask[t] == 0) {
          EXPECT_EQ(labels[t], -100);
          EXPECT_EQ(ids[t], 0);
          continue;
        }
        ++seen[ids[t]];
        EXPECT_EQ(batch.at("weight")[r][t].item<float>(), 2 * ids[t]);
        const bool begins = t == 0 || documents[t] != documents[t - 1];
        EXPECT_EQ(positions[t], begins ? 0 : positions[t - 1] + 1);
        EXPECT_EQ(documents[t], t == 0 ? 0 : documents[t - 1] + (begins ? 1 : 0));
        if (!begins) {
          EXPECT_EQ(ids[t], ids[t - 1] + 1);
        }
        EXPECT_EQ(labels[t], !same ? ids[t] + 1 : begins ? -100 : ids[t]);
      }
    }
    for (const TensorDict& sample : samples) {
      const at::Tensor ids = sample.at("input_ids");
      for (int64_t i = 0; i < ids.numel(); ++i) EXPECT_EQ(seen[ids[i].item<int64_t>()], 1);
    }
    // First fit: no two rows could be one.
    std::vector<int64_t> used;
    for (int64_t r = 0; r < batch.num_samples(); ++r) {
      used.push_back(batch.at("attention_mask")[r].sum().item<int64_t>());
      for (int64_t before = 0; before < r; ++before) EXPECT_GT(used[before] + used[r], length);
    }
  }
}

TEST(PackCollateTest, RefusesLabelsOfTheOtherKind) {
  const auto same = make("pack { length: 64 labels: SAME }"), next = make("pack { length: 64 }");
  EXPECT_TRUE(absl::StrContains(message_of(*next, documents("same")), "write labels: SAME"));
  EXPECT_TRUE(absl::StrContains(message_of(*same, documents("next")), "write labels: NEXT_TOKEN"));
  // A label for each token that is neither is one of its own place.
  EXPECT_NO_THROW((*next)(documents("plus 100")));
  // One token again and again is both.
  const at::Tensor ones = at::ones({40}, at::kLong);
  EXPECT_NO_THROW((*next)({{{"input_ids", ones}, {"labels", ones}}}));
  EXPECT_NO_THROW((*same)({{{"input_ids", ones}, {"labels", ones}}}));
}

TEST(PackCollateTest, MayDoWithoutLabels) {
  const Batch batch = (*make("pack { length: 4 }"))(
      {{{"input_ids", at::tensor({1, 2}, at::kInt)}, {"attention_mask", longs({1, 1})}},
       {{"input_ids", at::ones({0}, at::kInt)}, {"attention_mask", at::ones({0}, at::kLong)}}});
  EXPECT_FALSE(batch.contains("labels"));
  EXPECT_EQ(batch.at("input_ids").scalar_type(), at::kInt);
  EXPECT_EQ(row(batch.at("attention_mask"), 0), (std::vector<int64_t>{1, 1, 0, 0}));
  EXPECT_TRUE((*make("pack { length: 4 }"))({}).empty());
}

TEST(PackCollateTest, SaysWhichSampleCannotBePacked) {
  const auto pack = make("pack { length: 4 }");
  const auto message = [&](const TensorDict& more) {
    TensorDict first = {{"input_ids", longs({1, 2})}};
    for (const auto& [name, tensor] : more) first.set(name, tensor);
    return message_of(*pack, {first});
  };
  EXPECT_TRUE(absl::StrContains(message({{"target", at::scalar_tensor(1)}}),
                                "\"target\" of sample 0 of the batch is []; packing needs a value "
                                "for each of its 2 input_ids"));
  EXPECT_TRUE(
      absl::StrContains(message({{"labels", longs({1})}}), "is [1]; packing needs a value"));
  EXPECT_TRUE(
      absl::StrContains(message({{"labels", at::ones({2})}}), "packing needs int64 [tokens]"));
  EXPECT_TRUE(absl::StrContains(message({{"attention_mask", longs({1, 0})}}), "has zeros"));
  EXPECT_TRUE(absl::StrContains(message({{"document_ids", longs({1, 0})}}), "which packing makes"));
  EXPECT_TRUE(absl::StrContains(message({{"input_ids", at::ones({2})}}), "packing needs integers"));
  EXPECT_TRUE(absl::StrContains(message_of(*pack, {{{"x", at::ones({2})}}}), "no \"input_ids\""));
  EXPECT_TRUE(absl::StrContains(message_of(*pack, {{{"input_ids", at::ones({0}, at::kLong)}}}),
                                "none of the 1 samples of the batch has a token"));
}

TEST(PackCollateTest, NamesTheFieldThatCannotBe) {
  EXPECT_EQ(field_of(error_of("pack {}")), "pack.length");
  EXPECT_EQ(field_of(error_of("pack { length: 1 }")), "pack.length");
  EXPECT_EQ(field_of(error_of("pack { length: 4 fill_token: -1 }")), "pack.fill_token");
}

}  // namespace
}  // namespace composer
