#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "composer/base/status.h"
#include "composer/data/from_config.h"
#include "google/protobuf/text_format.h"
#include "proto/data.pb.h"
#include "tests/data/formats/mds_files.h"

namespace composer {
namespace {

config::DataLoader parse(const std::string& text) {
  config::DataLoader config;
  EXPECT_TRUE(google::protobuf::TextFormat::ParseFromString(text, &config)) << text;
  return config;
}

std::shared_ptr<DataLoader> build(const std::string& text, const LoaderContext& context = {}) {
  auto loader = build_loader(parse(text), context);
  EXPECT_TRUE(loader.ok()) << loader.status();
  return *loader;
}

absl::Status error_of(const std::string& text) { return build_loader(parse(text), {}).status(); }

std::string file_with(const std::string& name, const std::string& text) {
  const std::string path = absl::StrCat(::testing::TempDir(), "/", name);
  std::ofstream(path) << text;
  return path;
}

std::vector<int64_t> epoch_of(DataLoader& loader, int64_t epoch,
                              const std::string& name = "target") {
  loader.seek(epoch, 0);
  std::vector<int64_t> values;
  while (const std::optional<Batch> batch = loader.next()) {
    const at::Tensor tensor = batch->at(name);
    values.insert(values.end(), tensor.data_ptr<int64_t>(),
                  tensor.data_ptr<int64_t>() + tensor.numel());
  }
  return values;
}

// A hundred samples, each of a class of its own.
constexpr char kHundred[] =
    "dataset { synthetic { num_samples: 100 shape: 1 num_classes: 100 } } batch_size: 10 ";

TEST(OrderFromConfigTest, DrawsAMaterialisedPermutation) {
  const std::string text =
      absl::StrCat(kHundred, "shuffle: true sampler { permutation { method: MATERIALIZED } }");
  std::vector<int64_t> samples = epoch_of(*build(text, {.seed = 1}), 0);
  EXPECT_EQ(samples, epoch_of(*build(text, {.seed = 1}), 0));
  EXPECT_NE(samples, epoch_of(*build(text, {.seed = 2}), 0));
  EXPECT_NE(samples, epoch_of(*build(absl::StrCat(kHundred, "shuffle: true"), {.seed = 1}), 0));
  std::sort(samples.begin(), samples.end());
  for (int64_t i = 0; i < 100; ++i) EXPECT_EQ(samples[i], i);
}

TEST(OrderFromConfigTest, DrawsByWeightsFromAFile) {
  std::string weights;
  for (int i = 0; i < 100; ++i) weights += i % 10 == 3 ? "0.5\n" : "0\n";
  const std::string text =
      absl::StrCat(kHundred, "shuffle: true sampler { weighted { weights_file: '",
                   file_with("weights.txt", weights), "' ");
  const auto loader = build(text + "} }");
  EXPECT_EQ(loader->batches_per_epoch(), 10);
  for (const int64_t sample : epoch_of(*loader, 0)) EXPECT_EQ(sample % 10, 3);
  std::vector<int64_t> once = epoch_of(*build(text + "replacement: false num_samples: 10 } }"), 0);
  std::sort(once.begin(), once.end());
  EXPECT_EQ(once, (std::vector<int64_t>{3, 13, 23, 33, 43, 53, 63, 73, 83, 93}));
}

TEST(OrderFromConfigTest, DrawsByWeightsOfClasses) {
  const auto loader = build(
      "dataset { synthetic { num_samples: 100 shape: 1 num_classes: 4 } } batch_size: 10 "
      "shuffle: true sampler { weighted { class_weights: [0, 1, 0, 3] num_samples: 1000 } }");
  EXPECT_EQ(loader->batches_per_epoch(), 100);
  std::vector<int64_t> counts(4);
  for (const int64_t target : epoch_of(*loader, 0)) ++counts[target];
  EXPECT_EQ(counts[0] + counts[2], 0);
  // Of a binomial distribution's five standard deviations.
  EXPECT_NEAR(counts[1], 250, 5 * 13.7);
}

TEST(OrderFromConfigTest, MixesDatasets) {
  const std::string text =
      "dataset { mixture { parts { dataset { synthetic { num_samples: 30 shape: 1 num_classes: 30 "
      "} "
      "} proportion: 1 } parts { dataset { synthetic { num_samples: 100 shape: 1 num_classes: 100 "
      "} "
      "} proportion: 2 } } } batch_size: 9 ";
  const auto loader = build(text + "shuffle: true");
  // 30 of the one, and as many of the other as come before one would have to come again.
  EXPECT_EQ(epoch_of(*loader, 0).size(), 91u);
  EXPECT_NE(epoch_of(*loader, 0), epoch_of(*loader, 1));
  EXPECT_EQ(epoch_of(*build(text), 0), epoch_of(*build(text), 1));
  EXPECT_EQ(field_of(error_of(text + "shuffle: true sampler { permutation {} }")), "sampler");
}

TEST(OrderFromConfigTest, CollatesAsAsked) {
  const std::string tokens =
      "dataset { synthetic { num_samples: 8 shape: 5 vocabulary_size: 50 } } batch_size: 4 ";
  const auto padded = build(tokens + "collate { pad { multiple_of: 8 } }")->next();
  EXPECT_EQ(padded->at("input_ids").sizes(), (at::IntArrayRef{4, 8}));
  EXPECT_EQ(padded->at("attention_mask").sum().item<int64_t>(), 20);
  const auto packed = build(tokens + "collate { pack { length: 10 } }")->next();
  EXPECT_EQ(packed->at("document_ids").sizes(), (at::IntArrayRef{2, 10}));
  EXPECT_EQ(build(tokens + "collate { stack {} }")->next()->at("input_ids").sizes(),
            (at::IntArrayRef{4, 5}));
  EXPECT_EQ(field_of(error_of(tokens + "collate {}")), "collate");
  EXPECT_EQ(field_of(error_of(tokens + "collate { pack { length: 1 } }")), "collate.pack.length");
}

std::string lines_config() {
  std::string text;
  for (int64_t i = 0; i < 50; ++i) absl::StrAppend(&text, "{\"id\": ", i, "}\n");
  // Each its own: a loader may still have the one before mapped.
  static int files = 0;
  return absl::StrCat("dataset { json_lines { files: '",
                      file_with(absl::StrCat("lines", files++, ".jsonl"), text),
                      "' fields { key: 'id' type: INTEGER tensor: 'target' } } } batch_size: 8 ");
}

TEST(OrderFromConfigTest, ReadsStreams) {
  const auto loader = build(lines_config() + "stream { shuffle_buffer: 20 }", {.training = true});
  EXPECT_FALSE(loader->batches_per_epoch().has_value());
  std::vector<int64_t> values = epoch_of(*loader, 0);
  EXPECT_NE(values, epoch_of(*loader, 1));
  std::sort(values.begin(), values.end());
  ASSERT_EQ(values.size(), 50u);
  for (int64_t i = 0; i < 50; ++i) EXPECT_EQ(values[i], i);
  // Not shuffled outside of training.
  const auto in_order = build(lines_config() + "stream {} workers: '0' drop_last: true");
  EXPECT_EQ(epoch_of(*in_order, 3).size(), 48u);
  EXPECT_EQ(epoch_of(*in_order, 3)[17], 17);
  EXPECT_EQ(build(lines_config() + "stream {} collate { pad {} }")->next()->num_samples(), 8);
}

// Shards that know their numbers of records.
TEST(OrderFromConfigTest, ReadsStreamsOfKnownLength) {
  const std::string mds = absl::StrCat("dataset { mds { dir: '", golden_mds("numbers"),
                                       "' columns { column: 'int' tensor: 'target' } } } "
                                       "batch_size: 2 ");
  const auto by_index = build(mds);
  const auto stream = build(mds + "stream {}");
  ASSERT_GE(by_index->batches_per_epoch().value(), 3);
  EXPECT_EQ(stream->batches_per_epoch(), by_index->batches_per_epoch());
  EXPECT_EQ(epoch_of(*stream, 0), epoch_of(*by_index, 0));
  std::vector<int64_t> all = epoch_of(*by_index, 0);
  const auto shuffled = build(mds + "stream { shuffle_buffer: 3 } shuffle: true");
  std::vector<int64_t> values = epoch_of(*shuffled, 0);
  shuffled->seek(0, 1);
  EXPECT_EQ(shuffled->next()->at("target")[0].item<int64_t>(), values[2]);
  std::sort(values.begin(), values.end());
  std::sort(all.begin(), all.end());
  EXPECT_EQ(values, all);
}

TEST(OrderFromConfigTest, SaysWhichFieldIsWrong) {
  const auto field = [](const std::string& text) { return field_of(error_of(text)); };
  const std::string hundred = kHundred;
  EXPECT_EQ(field(hundred + "shuffle: true sampler {}"), "sampler");
  EXPECT_EQ(field(hundred + "shuffle: false sampler { permutation {} }"), "sampler");
  const std::string weighted = hundred + "shuffle: true sampler { weighted { ";
  EXPECT_EQ(field(weighted + "} }"), "sampler.weighted.weights_file");
  EXPECT_EQ(field(weighted + "weights_file: 'w' class_weights: 1 } }"),
            "sampler.weighted.weights_file");
  EXPECT_EQ(field(weighted + "weights_file: '/nowhere' } }"), "sampler.weighted.weights_file");
  EXPECT_EQ(field(weighted + "class_weights: [1, 2] } }"), "sampler.weighted.class_weights");
  const std::string few = file_with("few.txt", "1\n0\n");
  const absl::Status count = error_of(absl::StrCat(weighted, "weights_file: '", few, "' } }"));
  EXPECT_EQ(field_of(count), "sampler.weighted.weights_file");
  EXPECT_EQ(count.message(), absl::StrCat(few,
                                          " has 2 weights, but synthetic has 100 samples; "
                                          "expected a weight for each"));
  std::string zeros;
  for (int i = 0; i < 100; ++i) zeros += i < 5 ? "1\n" : "0\n";
  const std::string path = file_with("zeros.txt", zeros);
  EXPECT_EQ(field(absl::StrCat(weighted, "weights_file: '", path, "' replacement: false } }")),
            "sampler.weighted.num_samples");
  const std::string bad = file_with("bad.txt", "1\n2\nx\n");
  EXPECT_TRUE(
      absl::StrContains(error_of(absl::StrCat(weighted, "weights_file: '", bad, "' } }")).message(),
                        "bad.txt: line 3: "));

  const std::string stream = lines_config() + "stream {} ";
  EXPECT_EQ(field(stream + "sampler { permutation {} } shuffle: true"), "sampler");
  EXPECT_EQ(field(stream + "transforms { random_horizontal_flip {} }"), "transforms");
  EXPECT_EQ(field(stream + "channels_last: true"), "channels_last");
  EXPECT_EQ(field(stream + "pad_last: true"), "pad_last");
  EXPECT_EQ(field(stream + "workers: '2'"), "workers");
  EXPECT_EQ(field(stream + "collate {}"), "collate");
  EXPECT_EQ(field(lines_config() + "stream { shuffle_buffer: 0 }"), "stream.shuffle_buffer");
  EXPECT_EQ(field(hundred + "stream {}"), "dataset.synthetic");
  EXPECT_TRUE(absl::StrContains(error_of(hundred + "stream {}").message(), "no stream"));
}

}  // namespace
}  // namespace composer
