#include <limits>
#include <string>

#include "composer/config/binder.h"
#include "composer/config/config_file.h"
#include "composer/config/normalise.h"
#include "composer/config/print.h"
#include "composer/config/textproto_reader.h"
#include "composer/config/yaml_reader.h"
#include "google/protobuf/io/tokenizer.h"
#include "google/protobuf/text_format.h"
#include "google/protobuf/util/json_util.h"
#include "google/protobuf/util/message_differencer.h"
#include "gtest/gtest.h"
#include "tests/config/config_files.h"
#include "tests/config/plugin.pb.h"

namespace composer {
namespace {

using google::protobuf::Message;
using google::protobuf::TextFormat;
using google::protobuf::util::MessageDifferencer;
using test::Everything;

// Reads `text` into `message`; the errors, "" without any.
std::string read(ConfigFormat format, const std::string& text, Message& message) {
  Diagnostics diagnostics;
  const auto source = std::make_shared<const Source>(Source{format, "x", 0, ""});
  Value tree = format == ConfigFormat::kTextproto ? read_textproto(text, source, diagnostics)
                                                  : read_yaml(text, source, diagnostics);
  Origins origins;
  bind(normalise(message.GetDescriptor(), std::move(tree), "", diagnostics), {}, message, origins,
       diagnostics);
  return std::string(diagnostics.to_status().message());
}

Everything everything() {
  Everything message;
  message.set_small(-2147483647 - 1);
  message.set_large(std::numeric_limits<int64_t>::min());
  message.set_natural(4294967295u);
  message.set_large_natural(std::numeric_limits<uint64_t>::max());
  message.set_zigzag(-7);
  message.set_fixed(1ull << 63);
  message.set_single(0.1f);
  message.set_precise(1.0 / 3);
  message.set_flag(true);
  message.set_text("a \"quote\", 'one', \\ \t\n\x01 ünï \xF0\x9F\x98\x80 </x>");
  message.set_data(std::string("\0\xff\x80z", 4));
  message.set_colour(Everything::RED);
  for (double value : {1e300, -5e-324, 0.0, 1.0, 12345678.9}) message.add_numbers(value);
  message.add_numbers(std::numeric_limits<double>::infinity());
  message.add_numbers(-std::numeric_limits<double>::infinity());
  message.add_words("");
  message.add_words("true");
  message.add_words("null");
  message.add_words("1e3");
  message.add_words("~");
  message.add_colours(Everything::GREEN);
  message.add_colours(Everything::RED);
  message.add_flags(true);
  message.add_flags(false);
  (*message.mutable_counts())["a b"] = 1;
  (*message.mutable_counts())["2"] = -2;
  message.mutable_nested()->set_text("inner");
  message.mutable_nested()->set_needed(1);
  message.mutable_nested()->mutable_nested()->set_needed(2);
  message.set_by_name("x");
  Everything packed;
  packed.set_needed(3);
  packed.add_words("in any");
  message.mutable_inner()->PackFrom(packed);
  message.set_needed(4);
  message.SetExtension(test::extra, "extension");
  return message;
}

config::Run full_run() {
  config::Run run;
  const bool parsed = TextFormat::ParseFromString(R"(
      run_name: "r" output_dir: "o" seed: 1 max_duration: "3ep" device: "cpu" threads: "2"
      deterministic: true
      model { cnn { in_channels: 1 channels: 8 channels: 16 memory_format: CHANNELS_LAST } }
      train { dataset { synthetic { num_samples: 9 shape: 3 seed: 4 } } batch_size: 3
              shuffle: true drop_last: true subset_num_batches: 2 }
      device_train_microbatch_size: "1" accumulate_train_batch_on_tokens: true
      evaluators { label: "e" data { dataset { synthetic { shape: [1, 2] } } batch_size: 1 }
                   metric_names: ["a", "b"] interval: "0ep" }
      optimizer { adamw { lr: 1e-3 groups { pattern: "bias$" weight_decay: 0 } groups {
                  pattern: "x" lr: 0.5 } } }
      schedulers { constant { alpha: 0.5 } }
      schedulers { cosine_annealing { t_warmup: "1ba" alpha_f: 0.01 } }
      algorithms { label_smoothing { smoothing: 0.25 } }
      algorithms { gradient_clipping { clipping_type: ADAPTIVE clipping_threshold: 1 } }
      algorithms { plugin { [type.googleapis.com/composer.test.Everything] {
                   needed: 1 words: "w" nested { needed: 2 } } } }
      callbacks { lr_monitor {} } callbacks { nan_monitor { interval: "5ba" } }
      loggers { jsonl { filename: "m" } } loggers { console { refresh_seconds: 2 } })",
                                                  &run);
  EXPECT_TRUE(parsed);
  return run;
}

void expect_text_round_trip(const Message& message) {
  std::string pretty, single, chunky;
  ASSERT_TRUE(TextFormat::PrintToString(message, &pretty));
  TextFormat::Printer printer;
  printer.SetSingleLineMode(true);
  printer.SetExpandAny(true);
  printer.SetUseUtf8StringEscaping(true);
  printer.SetUseShortRepeatedPrimitives(true);
  ASSERT_TRUE(printer.PrintToString(message, &single));
  for (const std::string& text : {pretty, single, message.DebugString(), message.ShortDebugString(),
                                  message.Utf8DebugString()}) {
    const std::unique_ptr<Message> back(message.New());
    EXPECT_EQ(read(ConfigFormat::kTextproto, text, *back), "") << text;
    EXPECT_TRUE(MessageDifferencer::Equals(*back, message)) << text << back->DebugString();
  }
}

void expect_json_round_trip(const Message& message) {
  google::protobuf::util::JsonPrintOptions options;
  for (bool names : {false, true}) {
    for (bool whitespace : {false, true}) {
      options.preserve_proto_field_names = names;
      options.add_whitespace = whitespace;
      std::string json;
      ASSERT_TRUE(google::protobuf::util::MessageToJsonString(message, &json, options).ok());
      const std::unique_ptr<Message> back(message.New());
      EXPECT_EQ(read(ConfigFormat::kJson, json, *back), "") << json;
      EXPECT_TRUE(MessageDifferencer::Equals(*back, message)) << json << back->DebugString();
    }
  }
}

TEST(Formats, WhatTextFormatPrintsIsReadToTheSame) {
  expect_text_round_trip(everything());
  expect_text_round_trip(full_run());
}

TEST(Formats, WhatProtobufsJsonPrinterPrintsIsReadToTheSame) {
  Everything message = everything();
  // JSON has no extensions.
  message.ClearExtension(test::extra);
  expect_json_round_trip(message);
  expect_json_round_trip(full_run());
}

TEST(Formats, WhatTextFormatReadsIsReadToTheSame) {
  const std::string texts[] = {
      "needed: 1",
      "needed:1,small:-2;large : 3",
      "needed: 0x1F small: 017 large: -0x10 # comment\n",
      "needed: 1 nested < needed: 2 >",
      "needed: 1 nested: { needed: 2 } nested_x: 1",
      "needed: 1 nested: < needed: 2; >",
      "needed: 1 numbers: [1, 2.5, -3e2, inf, -inf, 1.5f, 2f, .5, 5.]",
      "needed: 1 numbers: 1 numbers: [2] numbers: []",
      "needed: 1 text: 'a' \"b\"\n 'c'",
      "needed: 1 text: \"\\x41\\101\\n\\u00e9\\U0001F600\"",
      "needed: 1 text: 'two\nlines'",
      "needed: 1 data: \"\\377\\000\"",
      "needed: 1 flags: [true, false, True, False, t, f, 1, 0]",
      "needed: 1 colour: GREEN colours: [0, RED, 5]",
      "needed: 1 single: nan precise: -nan",
      "needed: 1 precise: -infinity single: INF",
      "needed: 1 precise: - 5 small: - 3",
      "needed: 1 counts { key: 'a' value: 1 } counts: [{key: 'b'}, <key: 'c' value: 3>]",
      "needed: 1 nested [ { needed: 1 } ]",
      "needed: 1 [composer.test.extra]: 'x'",
      "needed: 1 inner { [type.googleapis.com/composer.test.Everything] { needed: 2 } }",
      "needed: 1 inner { [type.googleapis.com/composer.test.Everything]: < needed: 2 > }",
      "needed: 1 inner { type_url: 'x/composer.test.Everything' value: '\\260\\001\\005' }",
      "needed: 1precise: 2.5text: 'no space'",
      "needed: 1 small: 1.0",
      "needed: 1 small: 2147483648",
      "needed: 1 natural: -1",
      "needed: 1 text: abc",
      "needed: 1 flag: 2",
      "needed: 1 by_number: 1 by_name: 'x'",
      "needed: 1 needed: 2",
      "needed 1",
      "needed: 1 }",
      "needed: 1 nested { needed: 1",
      "needed: 1 nested { needed: 1 >",
      "needed: 1 text: 'open",
      "needed: 1 numbers: [1, ]",
      "needed: 1 numbers: [1 2]",
      "needed: 1 small: --1",
      "needed: 1 / comment",
      "small: 1",
  };
  class Silent : public google::protobuf::io::ErrorCollector {
    void AddError(int, int, const std::string&) override {}
  };
  int accepted = 0;
  for (const std::string& text : texts) {
    Everything theirs, ours;
    Silent silent;
    TextFormat::Parser parser;
    parser.RecordErrorsTo(&silent);
    const bool taken = parser.ParseFromString(text, &theirs);
    const std::string errors = read(ConfigFormat::kTextproto, text, ours);
    EXPECT_EQ(errors.empty(), taken) << text << "\n" << errors;
    if (!taken) continue;
    ++accepted;
    MessageDifferencer differencer;
    google::protobuf::util::DefaultFieldComparator comparator;
    comparator.set_treat_nan_as_equal(true);
    differencer.set_field_comparator(&comparator);
    EXPECT_TRUE(differencer.Compare(theirs, ours)) << text << "\n" << ours.DebugString();
  }
  EXPECT_EQ(accepted, 20);
}

TEST(Formats, WhatProtobufsJsonParserReadsIsReadToTheSame) {
  const std::string texts[] = {
      R"({"needed": 1})",
      R"({"needed": "1", "large": "-9223372036854775808", "precise": "2.5"})",
      R"({"needed": 1.0, "small": 1e1, "largeNatural": 18446744073709551615})",
      "{\n\t\"needed\"\t:\t1 ,\n\t\"words\": [\n\t\t\"a\",\n\t\t\"b\"\n\t]\n}",
      R"({"needed":1,"numbers":[1,2.5,"NaN","Infinity","-Infinity"]})",
      R"({"needed":1,"text":"\u00e9 \ud83d\ude00 \/ \b\f\n\r\t \" \\"})",
      R"({"needed":1,"data":"/4A="})",
      R"({"needed":1,"data":"_4A="})",
      R"({"needed":1,"colour":"RED","colours":[5,"GREEN"]})",
      R"({"needed":1,"text":null,"nested":null,"numbers":null})",
      R"({"needed":1,"nested":{"needed":2},"large_natural":3})",
      R"({"needed":1,"counts":{"a":1,"b":2}})",
      R"({"needed":1,"inner":{"@type":"type.googleapis.com/composer.test.Everything","needed":2}})",
      R"({"needed":1,"inner":{"needed":2,"@type":"type.googleapis.com/composer.test.Everything"}})",
  };
  for (const std::string& text : texts) {
    Everything theirs, ours;
    ASSERT_TRUE(google::protobuf::util::JsonStringToMessage(text, &theirs).ok()) << text;
    EXPECT_EQ(read(ConfigFormat::kJson, text, ours), "") << text;
    // As bytes: NaN differs from itself.
    EXPECT_EQ(theirs.DebugString(), ours.DebugString()) << text;
  }
}

TEST(Formats, YamlHasItsOwnWaysToWriteThings) {
  Everything message;
  EXPECT_EQ(read(ConfigFormat::kYaml, R"(# comment
needed: &one 1
small: 0x10
large: 1e3
natural: *one
zigzag: 0o17
precise: .inf
single: -1.5
flag: true
text: bare words
words: ["a", b, 'it''s', ~c]
numbers:
- 1
- .5
nested: &n
  needed: 2
  text: |
    two
    lines
colours: [RED, GREEN]
counts: {a: 1, 2: 2}
inner: {'@type': composer.test.Everything, <<: *n, needed: 3}
by_name: !!str 5
)",
                 message),
            "");
  EXPECT_EQ(message.small(), 16);
  EXPECT_EQ(message.large(), 1000);
  EXPECT_EQ(message.natural(), 1u);
  EXPECT_EQ(message.zigzag(), 15);
  EXPECT_EQ(message.precise(), std::numeric_limits<double>::infinity());
  EXPECT_EQ(message.words(2), "it's");
  EXPECT_EQ(message.words(3), "~c");
  EXPECT_EQ(message.nested().text(), "two\nlines\n");
  EXPECT_EQ(message.counts().at("2"), 2);
  EXPECT_EQ(message.by_name(), "5");
  Everything inner;
  ASSERT_TRUE(message.inner().UnpackTo(&inner));
  EXPECT_EQ(inner.needed(), 3);
  EXPECT_EQ(inner.text(), "two\nlines\n");
}

TEST(Formats, PluginsAreNamedWithAndWithoutTheirDomain) {
  for (const std::string text :
       {"algorithms { plugin { [type.googleapis.com/composer.test.Everything] { needed: 1 } } }",
        "algorithms { plugin { [composer.test.Everything] { needed: 1 } } }"}) {
    const auto config = load_text("a.textproto", text + " model { cnn {} }");
    ASSERT_TRUE(config.ok()) << config.status();
    EXPECT_EQ(config->run.algorithms(0).plugin().type_url(),
              "type.googleapis.com/composer.test.Everything");
    EXPECT_EQ(config->origins.describe("algorithms[0].plugin.needed").substr(0, 14),
              "a.textproto:1:");
  }
}

TEST(Formats, PluginsAreCheckedLikeBuiltIns) {
  EXPECT_EQ(
      errors_of("a.textproto",
                "model { cnn {} } algorithms { plugin { [composer.test.Everything] { small: "
                "101 txt: 'x' nested { } } } }"),
      R"(a.textproto:1:76: algorithms[0].plugin.small: expected a number at most 100, found 101
a.textproto:1:80: algorithms[0].plugin: no field "txt" in Everything; did you mean "text"?
a.textproto:1:96: algorithms[0].plugin.nested.needed: required, but missing; expected a whole number from -2147483648 to 2147483647
3 errors)");
}

TEST(Formats, AnItemWithDefaultsIsChosenByItsNameAlone) {
  const std::string expected =
      "model {\n  cnn {\n  }\n}\nalgorithms {\n  label_smoothing {\n  }\n}\n"
      "algorithms {\n  mixup {\n    alpha: 1\n  }\n}\n";
  const auto text = [](const std::string& name, const std::string& content) {
    const auto config = load_text(name, content);
    return config.ok() ? config->run.DebugString() : config.status().ToString();
  };
  EXPECT_EQ(text("a.yaml", "model: cnn\nalgorithms: [label_smoothing, mixup: {alpha: 1}]\n"),
            expected);
  EXPECT_EQ(
      text("a.yaml", "model:\n  cnn:\nalgorithms:\n- label_smoothing:\n- mixup:\n    alpha: 1\n"),
      expected);
  EXPECT_EQ(text("a.json",
                 R"({"model": "cnn", "algorithms": ["label_smoothing", {"mixup": {"alpha": 1}}]})"),
            expected);
  EXPECT_EQ(text("a.textproto", "model: cnn algorithms: [label_smoothing, { mixup { alpha: 1 } }]"),
            expected);
  EXPECT_EQ(text("a.pbtxt",
                 "model: 'cnn' algorithms: label_smoothing algorithms { mixup { "
                 "alpha: 1 } }"),
            expected);
}

TEST(Formats, ByteOrderMarksAndWindowsLineEndsAreTaken) {
  for (const char* name : {"a.textproto", "a.yaml"}) {
    const auto config =
        load_text(name, "\xEF\xBB\xBFseed: 3\r\nmodel: {\r\n  cnn: { } }\r\nthreads: 2\r\n");
    ASSERT_TRUE(config.ok()) << config.status();
    EXPECT_EQ(config->run.seed(), 3u);
    EXPECT_EQ(config->run.threads(), "2");
    EXPECT_EQ(config->origins.describe("threads"), std::string(name) + ":4:1");
  }
}

TEST(Formats, BareNumbersAndWordsDoForThreads) {
  for (const char* text : {"threads: 2", "threads: \"2\""}) {
    for (const char* name : {"a.textproto", "a.yaml"}) {
      const auto config = load_text(name, std::string("model: { cnn: { } }\n") + text + "\n");
      ASSERT_TRUE(config.ok()) << config.status();
      EXPECT_EQ(config->run.threads(), "2");
    }
  }
  EXPECT_EQ(errors_of("a.textproto", "model { cnn {} } threads: auto"), "");
  EXPECT_EQ(errors_of("a.json", R"({"model": "cnn", "threads": 4})"), "");
  EXPECT_EQ(errors_of("a.textproto", "model { cnn {} } device_train_microbatch_size: auto"), "");
  EXPECT_EQ(errors_of("a.yaml", "{model: cnn, device_train_microbatch_size: 4}"), "");
}

}  // namespace
}  // namespace composer
