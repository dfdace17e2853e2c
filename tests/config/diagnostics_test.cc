#include <filesystem>
#include <string>

#include "composer/base/status.h"
#include "gtest/gtest.h"
#include "tests/config/config_files.h"

namespace composer {
namespace {

// The one error of a textproto whose model is in order.
std::string error_of(const std::string& line) {
  return errors_of("a.textproto", line + "\nmodel { cnn {} }\n");
}

std::string one(const std::string& error) { return error + "\n1 error"; }

TEST(ConfigErrors, AllOfAFileComeAtOnceInTheOrderOfTheText) {
  EXPECT_EQ(errors_of("a.textproto", R"(run_nam: "x"
seed: "x"
algorithms { label_smoothin { smoothing: 0.1 } }
algorithms {
  label_smoothing { smoothing: 2 }
}
model { mlp { input_size: 4 } }
)"),
            R"(a.textproto:1:1: no field "run_nam" in Run; did you mean "run_name"?
a.textproto:2:7: seed: expected a whole number from 0 to 4294967295, found the string "x"
a.textproto:3:14: algorithms[0]: no algorithm "label_smoothin"; did you mean "label_smoothing"?
a.textproto:5:32: algorithms[1].label_smoothing.smoothing: expected a number from 0 to 1, found 2
a.textproto:7:13: model.mlp.num_classes: required, but missing; expected a whole number of 64 bits
5 errors)");
}

TEST(ConfigErrors, AllOfAYamlFileComeAtOnce) {
  EXPECT_EQ(errors_of("a.yaml", R"(run_nam: x
seed: x
seed: 3
algorithms:
  - label_smoothin: {smoothing: 0.1}
  - label_smoothing: {smoothing: 2}
model: cn
)"),
            R"(a.yaml:1:1: no field "run_nam" in Run; did you mean "run_name"?
a.yaml:2:7: seed: expected a whole number from 0 to 4294967295, found the word x
a.yaml:3:1: seed: set twice; first at line 2, column 1
a.yaml:5:5: algorithms[0]: no algorithm "label_smoothin"; did you mean "label_smoothing"?
a.yaml:6:34: algorithms[1].label_smoothing.smoothing: expected a number from 0 to 1, found 2
a.yaml:7:8: model: no model "cn"; did you mean "cnn"?
6 errors)");
}

TEST(ConfigErrors, AllOfAJsonFileComeAtOnce) {
  EXPECT_EQ(errors_of("a.json", R"({
  "seed": -1,
  "max_duratio": "1ep",
  "model": {"mlp": {"inputSize": 2.5, "num_classes": "many"}}
})"),
            R"(a.json:2:11: seed: expected a whole number from 0 to 4294967295, found the number -1
a.json:3:3: no field "max_duratio" in Run; did you mean "max_duration"?
a.json:4:34: model.mlp.input_size: expected a whole number of 64 bits, found the number 2.5
a.json:4:54: model.mlp.num_classes: expected a whole number of 64 bits, found the string "many"
4 errors)");
}

TEST(ConfigErrors, ANameThatStandsElsewhereIsSaid) {
  EXPECT_EQ(
      error_of("label_smoothing { }"),
      one("a.textproto:1:1: no field \"label_smoothing\" in Run; \"label_smoothing\" stands in "
          "a config as algorithms.label_smoothing"));
}

TEST(ConfigErrors, AnUnknownNameWithNothingNearListsTheKnown) {
  EXPECT_EQ(
      error_of("optimizer { sgd { lr: 1 } zzzzzzz { } }"),
      one("a.textproto:1:27: optimizer: no optimizer \"zzzzzzz\"; known are sgd, adamw, adam, "
          "decoupled_sgdw, decoupled_adamw, rmsprop, adagrad, lamb, lion, adafactor, lbfgs "
          "and plugin"));
}

TEST(ConfigErrors, AMisspeltEnumValueListsTheValues) {
  EXPECT_EQ(
      error_of("algorithms { gradient_clipping { clipping_type: NROM clipping_threshold: 1 } }"),
      one("a.textproto:1:49: algorithms[0].gradient_clipping.clipping_type: expected one of NORM, "
          "VALUE or ADAPTIVE, found the word NROM; did you mean NORM?"));
  EXPECT_EQ(error_of("algorithms { gradient_clipping { clipping_type: 7 clipping_threshold: 1 } }"),
            one("a.textproto:1:49: algorithms[0].gradient_clipping.clipping_type: expected one of "
                "NORM, VALUE or ADAPTIVE, found the number 7"));
}

TEST(ConfigErrors, WrongTypes) {
  EXPECT_EQ(error_of("seed: 1.0"),
            one("a.textproto:1:7: seed: expected a whole number from 0 to 4294967295, found the "
                "number 1.0; write 1"));
  EXPECT_EQ(
      error_of("seed: { }"),
      one("a.textproto:1:7: seed: expected a whole number from 0 to 4294967295, found a message"));
  EXPECT_EQ(
      error_of("seed: [1, 2]"),
      one("a.textproto:1:7: seed: expected a whole number from 0 to 4294967295, found a list"));
  EXPECT_EQ(error_of("device: cpu"),
            one("a.textproto:1:9: device: expected a string, found the word cpu; write it in "
                "quotes"));
  EXPECT_EQ(error_of("deterministic: yes"),
            one("a.textproto:1:16: deterministic: expected true or false, found the word yes"));
  EXPECT_EQ(error_of("train: 3"),
            one("a.textproto:1:8: train: expected the fields of DataLoader, found the number 3"));
  EXPECT_EQ(error_of("optimizer { sgd { lr: \"0.1\" } }"),
            one("a.textproto:1:23: optimizer.sgd.lr: expected a number, found the string "
                "\"0.1\""));
  EXPECT_EQ(errors_of("a.yaml", "model: cnn\nrun_name: 2024\n"),
            one("a.yaml:2:11: run_name: expected a string, found the number 2024; write it in "
                "quotes"));
  EXPECT_EQ(errors_of("a.yaml", "model: {cnn: {channels: 8}}"),
            one("a.yaml:1:25: model.cnn.channels: expected a list, found the number 8"));
}

TEST(ConfigErrors, IntegersThatDoNotFit) {
  EXPECT_EQ(error_of("seed: 4294967296"),
            one("a.textproto:1:7: seed: expected a whole number from 0 to 4294967295, found the "
                "number 4294967296"));
  EXPECT_EQ(
      error_of("train { batch_size: 9223372036854775808 dataset { synthetic { shape: 1 } } }"),
      one("a.textproto:1:21: train.batch_size: expected a whole number of 64 bits, found the "
          "number 9223372036854775808"));
  EXPECT_EQ(error_of("seed: 99999999999999999999999999"),
            one("a.textproto:1:7: seed: expected a whole number from 0 to 4294967295, found the "
                "number 99999999999999999999999999"));
  EXPECT_EQ(errors_of("a.yaml", "model: cnn\nseed: 1e400"),
            one("a.yaml:2:7: seed: expected a whole number from 0 to 4294967295, found the number "
                "1e400"));
}

TEST(ConfigErrors, AFieldSetTwice) {
  EXPECT_EQ(error_of("seed: 1 seed: 2"),
            one("a.textproto:1:9: seed: set twice; first at line 1, column 1"));
  EXPECT_EQ(error_of("train { dataset { synthetic { shape: 1 } } batch_size: 1 }\ntrain { }"),
            one("a.textproto:2:1: train: set twice; first at line 1, column 1"));
}

TEST(ConfigErrors, TwoMembersOfAOneof) {
  EXPECT_EQ(errors_of("a.textproto", "model { cnn {} mlp {} }"),
            one("a.textproto:1:16: model.mlp: only one model can be chosen; \"cnn\" is chosen at "
                "line 1, column 9"));
}

TEST(ConfigErrors, NothingChosen) {
  EXPECT_EQ(errors_of("a.textproto", "seed: 1"),
            one("a.textproto: model: required, but missing; choose one of mlp, cnn, mlp_encoder, "
                "resnet, gpt2, bert, vit or plugin"));
  EXPECT_EQ(error_of("algorithms { }"),
            one("a.textproto:1:12: algorithms[0]: nothing is chosen; choose one of "
                "label_smoothing, selective_backprop, mixup, gradient_clipping, ema, swa, sam, "
                "layer_freezing, lookahead, cutmix, cutout, colout, progressive_resizing, "
                "channels_last, seq_length_warmup, no_op_model, blurpool, ghost_batch_norm, "
                "squeeze_excite, stochastic_depth, weight_standardization, factorize, "
                "low_precision_layer_norm, low_precision_group_norm, gyro_dropout, alibi, "
                "gated_linear_units, augmix, randaugment, random_erasing, gradient_noise, r_drop, "
                "ema_distillation or plugin"));
}

TEST(ConfigErrors, AChoiceWithFieldsBesideIt) {
  const std::string known =
      "sgd, adamw, adam, decoupled_sgdw, decoupled_adamw, rmsprop, adagrad, lamb, lion, "
      "adafactor, lbfgs";
  EXPECT_EQ(error_of("optimizer { parameters: 'bias' adamm { } }"),
            one("a.textproto:1:32: optimizer: no optimizer \"adamm\"; did you mean \"adamw\"?"));
  EXPECT_EQ(error_of("optimizer { parameter: 'bias' adamw { } }"),
            one("a.textproto:1:13: optimizer: no optimizer \"parameter\"; did you mean "
                "\"parameters\"?"));
  EXPECT_EQ(
      error_of("optimizer { parameters: 'bias' }"),
      one("a.textproto:1:11: optimizer: nothing is chosen; choose one of " + known + " or plugin"));
  EXPECT_EQ(errors_of("a.yaml", "model: cnn\noptimizer: parameters\n"),
            one("a.yaml:2:12: optimizer: \"parameters\" cannot stand without a value"));
  EXPECT_EQ(
      errors_of("a.yaml", "model: cnn\noptimizers:\n- adamw\n- [lion]\n"),
      one("a.yaml:4:3: optimizers[1]: expected one of " + known + " or plugin, found a list"));
  EXPECT_EQ(error_of("optimizer { parameters: 'bias' adamw { } sgd { lr: 1 } }"),
            one("a.textproto:1:42: optimizer.sgd: only one optimizer can be chosen; \"adamw\" is "
                "chosen at line 1, column 32"));
}

TEST(ConfigErrors, MissingFieldsAreAllNamed) {
  EXPECT_EQ(
      error_of("train { }\nevaluators { data { dataset { synthetic { } } batch_size: 1 } }"),
      R"(a.textproto:1:7: train.dataset: required, but missing; choose one of fashion_mnist, synthetic, mnist, cifar10, cifar100, image_folder, csv, numpy, safetensors, text, sentencepiece, tokens, mds, json_lines, bible_kjv, mixture or plugin
a.textproto:1:7: train.batch_size: required, but missing; expected a whole number of 64 bits
a.textproto:2:41: evaluators[0].data.dataset.synthetic.shape: required, but missing; expected at least one element
3 errors)");
  EXPECT_EQ(error_of("train { dataset { synthetic { shape: [] } } batch_size: 1 }"),
            one("a.textproto:1:38: train.dataset.synthetic.shape: expected at least one element, "
                "found none"));
}

TEST(ConfigErrors, NothingIsMissingWhereAMisspeltNameMayBeIt) {
  EXPECT_EQ(errors_of("a.textproto", "modle { cnn { } }"),
            one("a.textproto:1:1: no field \"modle\" in Run; did you mean \"model\"?"));
}

TEST(ConfigErrors, Bounds) {
  const auto lr = [](const std::string& value) {
    return error_of("optimizer { sgd { lr: " + value + " } }");
  };
  const std::string place = "a.textproto:1:23: optimizer.sgd.lr: ";
  EXPECT_EQ(lr("-0.5"), one(place + "expected a number at least 0, found -0.5"));
  EXPECT_EQ(lr("nan"), one(place + "expected a number at least 0, found nan"));
  EXPECT_EQ(lr("1e999"), one(place + "expected a number, found the number 1e999"));
  EXPECT_EQ(lr("0"), "");
  EXPECT_EQ(error_of("optimizer { sgd { lr: 1 momentum: 1 } }"),
            one("a.textproto:1:35: optimizer.sgd.momentum: expected a number at least 0 and below "
                "1, found 1"));
  EXPECT_EQ(error_of("algorithms { selective_backprop { keep: 0 } }"),
            one("a.textproto:1:41: algorithms[0].selective_backprop.keep: expected a number above "
                "0 and at most 1, found 0"));
  EXPECT_EQ(errors_of("a.textproto", "model { cnn { channels: [8, 0, 4, -1] } }"),
            "a.textproto:1:29: model.cnn.channels[1]: expected a number at least 1, found 0\n"
            "a.textproto:1:35: model.cnn.channels[3]: expected a number at least 1, found -1\n"
            "2 errors");
}

TEST(ConfigErrors, TimeStrings) {
  const auto duration = [](const std::string& text) {
    return error_of("max_duration: \"" + text + "\"");
  };
  const std::string place = "a.textproto:1:15: max_duration: ";
  const std::string help =
      "; write a number and a unit (ep, ba, sp, tok, dur, sec or iter), such as \"10ep\" or "
      "\"0.5dur\", or a clock time such as \"1h30m\"; this field takes ep, ba, sp, tok or sec";
  EXPECT_EQ(duration("10 epochs"),
            one(place + "invalid time string \"10 epochs\": \"epochs\" is not a unit" + help));
  EXPECT_EQ(duration("5"), one(place + "invalid time string \"5\": the unit is missing" + help));
  EXPECT_EQ(duration("1.5ba"), one(place +
                                   "invalid time string \"1.5ba\": \"ba\" counts whole "
                                   "units, 1.5 is not a whole number" +
                                   help));
  EXPECT_EQ(duration("-1ep"), one(place + "expected a time above 0, found \"-1ep\""));
  EXPECT_EQ(duration("0ep"), one(place + "expected a time above 0, found \"0ep\""));
  EXPECT_EQ(duration("0.5dur"),
            one(place + "expected a time in ep, ba, sp, tok or sec, found \"0.5dur\""));
  EXPECT_EQ(error_of("max_duration: 5"),
            one(place + "expected a string such as \"10ep\", found the number 5; write it in "
                        "quotes"));
  EXPECT_EQ(error_of("schedulers { cosine_annealing { t_warmup: \"-1ba\" } }"),
            one("a.textproto:1:43: schedulers[0].cosine_annealing.t_warmup: expected a "
                "time of at least 0, found \"-1ba\""));
}

TEST(ConfigErrors, ATimeWithoutQuotes) {
  EXPECT_EQ(error_of("max_duration: 5ba"),
            one("a.textproto:1:15: need space between number and identifier; a time such as "
                "\"10ep\" is written in quotes"));
  EXPECT_EQ(error_of("max_duration: 5ep"),
            one("a.textproto:1:15: \"e\" must be followed by exponent; a time such as \"10ep\" is "
                "written in quotes"));
}

TEST(ConfigErrors, AutoOrInt) {
  EXPECT_EQ(error_of("threads: 0"),
            one("a.textproto:1:10: threads: expected \"auto\" or a whole number above 0, found "
                "\"0\""));
  EXPECT_EQ(error_of("threads: 1.5"),
            one("a.textproto:1:10: threads: expected \"auto\" or a whole number above 0, found "
                "\"1.5\""));
  EXPECT_EQ(error_of("threads: many"),
            one("a.textproto:1:10: threads: expected \"auto\" or a whole number above 0, found "
                "\"many\""));
  EXPECT_EQ(
      error_of("device_train_microbatch_size: 0"),
      one("a.textproto:1:31: device_train_microbatch_size: expected \"auto\" or a whole number "
          "above 0, found \"0\""));
}

TEST(ConfigErrors, RegularExpressions) {
  const std::string errors = error_of(
      "optimizer { sgd { lr: 1 groups { pattern: \"a(\" } groups { pattern: \"ok$\" } } }");
  EXPECT_EQ(errors.substr(0, errors.find("\": ")),
            "a.textproto:1:43: optimizer.sgd.groups[0].pattern: expected a regular expression, "
            "found \"a(");
  EXPECT_NE(errors.find("\n1 error"), std::string::npos);
}

TEST(ConfigErrors, Paths) {
  ConfigFolder folder;
  folder.write("weights.safetensors", "x");
  const auto error = [&](const std::string& line) {
    folder.write("a.textproto", line + " model { cnn { } }");
    return std::string(load_config("a.textproto").status().message());
  };
  EXPECT_EQ(error("weights: \"weights.safetensors\""), "");
  EXPECT_EQ(error("weights: \"wieghts.safetensors\""),
            one("a.textproto:1:10: weights: file \"wieghts.safetensors\" does not exist; did you "
                "mean \"weights.safetensors\"?"));
  EXPECT_EQ(error("weights: \".\""), one("a.textproto:1:10: weights: file \".\" is a folder"));
  EXPECT_EQ(error("weights: \"\""), one("a.textproto:1:10: weights: the file's name is empty"));
  EXPECT_EQ(
      error("train { dataset { fashion_mnist { dir: \"weights.safetensors\" } } batch_size: 1 }"),
      one("a.textproto:1:40: train.dataset.fashion_mnist.dir: folder \"weights.safetensors\" is "
          "not a folder"));
  folder.write("b.textproto", "weights: \"missing\" model { cnn { } }");
  EXPECT_TRUE(load_config("b.textproto", {}, {.check_paths = false}).ok());
}

TEST(ConfigErrors, ADefaultPathMustExistToo) {
  const std::string text =
      "model { cnn {} } algorithms { plugin { [composer.test.NeedsFolder] { } } }";
  EXPECT_EQ(errors_of("a.textproto", text),
            one("a.textproto:1:68: algorithms[0].plugin.folder: folder \"a/folder\" does not exist "
                "(the default)"));
  ConfigFolder folder;
  folder.write("a.textproto", text);
  folder.write("a/folder/x", "");
  EXPECT_TRUE(load_config("a.textproto").ok());
}

TEST(ConfigErrors, PluginsThatAreNotLoaded) {
  EXPECT_EQ(error_of("algorithms { plugin { [type.googleapis.com/my.Noise] { eta: 1 } } }"),
            one("a.textproto:1:23: algorithms[0].plugin: no type my.Noise is loaded; load its "
                "library with --plugin"));
  EXPECT_EQ(errors_of("a.yaml", "model: {plugin: {'@type': my.Net, size: 3}}"),
            one("a.yaml:1:27: model.plugin: no type my.Net is loaded; load its library with "
                "--plugin"));
}

TEST(ConfigErrors, SyntaxErrorsEndTheirFileButNotWhatStandsBefore) {
  EXPECT_EQ(errors_of("a.textproto", "sed: 1\nmodel { cnn { } \nseed: 4\n"),
            "a.textproto:1:1: no field \"sed\" in Run; did you mean \"seed\"?\n"
            "a.textproto:3:1: model: no model \"seed\"; \"seed\" stands in a config as seed\n"
            "a.textproto:4:1: expected \"}\" for the message that is opened at line 2, column 7, "
            "found the end of the text\n"
            "3 errors");
  EXPECT_EQ(errors_of("a.textproto", "seed 4"),
            one("a.textproto:1:6: expected \":\" or \"{\" after \"seed\", found \"4\""));
  EXPECT_EQ(errors_of("a.textproto", "run_name: \"abc\nseed: 4\n"),
            one("a.textproto:1:11: this string has no closing quote on its line"));
  EXPECT_EQ(errors_of("a.textproto", "run_name: \"a\\q\" sed: 1"),
            one("a.textproto:1:14: invalid escape sequence in string literal"));
  EXPECT_EQ(errors_of("a.textproto", "model { cnn { channels: [1 2] } }"),
            one("a.textproto:1:28: expected \",\" or \"]\" in the list, found \"2\""));
  EXPECT_EQ(errors_of("a.yaml", "seed: [1, 2\nmodel: cnn\n"),
            one("a.yaml:2:6: end of sequence flow not found"));
  EXPECT_EQ(errors_of("a.json", "{\"seed\": 1"),
            one("a.json:1:1: expected a name, found a message; is its bracket closed?"));
}

TEST(ConfigErrors, ColumnsCountBytesAfterATab) {
  EXPECT_EQ(errors_of("a.textproto", "\tmodel {\tcnn { } } sed: 1"),
            one("a.textproto:1:20: no field \"sed\" in Run; did you mean \"seed\"?"));
}

TEST(ConfigErrors, FilesThatAreNoConfig) {
  EXPECT_EQ(errors_of("a.textproto", ""), one("a.textproto: the file is empty"));
  EXPECT_EQ(errors_of("a.yaml", " \n\n"), one("a.yaml: the file is empty"));
  EXPECT_EQ(errors_of("a.json", std::string("{\0}", 3)),
            one("a.json: not a text file: byte 2 is NUL"));
  EXPECT_EQ(errors_of("a.textproto", "seed: 1 # \xff\xfe"),
            one("a.textproto: not a text file: byte 11 is not UTF-8"));
  EXPECT_EQ(errors_of("a.toml", "seed = 1"),
            one("a.toml: unknown file name ending \".toml\"; a config ends in .textproto, .pbtxt, "
                ".yaml, .yml or .json"));
  ConfigFolder folder;
  folder.write("good.textproto", "");
  std::filesystem::create_directory("folder.yaml");
  EXPECT_EQ(load_config("folder.yaml").status().message(),
            one("folder.yaml: expected a config file, found a folder"));
  EXPECT_EQ(load_config("god.textproto").status().message(),
            one("god.textproto: the file does not exist; did you mean \"good.textproto\"?"));
}

TEST(ConfigErrors, YamlThatIsNoMessage) {
  EXPECT_EQ(errors_of("a.yaml", "- a\n- b\n"),
            one("a.yaml:1:1: expected fields (name: value), found a list"));
  EXPECT_EQ(errors_of("a.yaml", "model: cnn\n---\nseed: 1\n"),
            one("a.yaml:2:1: a second document; a config is one document"));
  EXPECT_EQ(errors_of("a.yaml", "model: !!python/object:os.system {}\n"),
            one("a.yaml:1:8: the tag tag:yaml.org,2002:python/object:os.system is not supported"));
}

TEST(ConfigErrors, LocatedFindsTheNearestPlaceOfALaterError) {
  const auto config = load_text("a.textproto", "seed: 1\nmodel {\n  cnn { channels: 4 }\n}\n",
                                {"model.cnn.num_classes=3"});
  ASSERT_TRUE(config.ok());
  const auto message = [&](const std::string& path) {
    return std::string(located(*config, in_field(path, absl::InternalError("bad"))).message());
  };
  EXPECT_EQ(message("model.cnn.channels[0]"), "a.textproto:3:19: model.cnn.channels[0]: bad");
  EXPECT_EQ(message("model.cnn.in_channels"), "a.textproto:3:3: model.cnn.in_channels: bad");
  EXPECT_EQ(message("model.cnn.num_classes"),
            "command line, argument 1, column 11: model.cnn.num_classes: bad");
  EXPECT_EQ(message("train.dataset"), "train.dataset: bad");
  EXPECT_EQ(located(*config, absl::InternalError("bad")).message(), "bad");
  EXPECT_EQ(located(*config, in_field("seed", absl::NotFoundError("x"))).code(),
            absl::StatusCode::kNotFound);
}

}  // namespace
}  // namespace composer
