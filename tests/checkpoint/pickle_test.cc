#include "composer/checkpoint/pickle.h"

#include <gtest/gtest.h>

#include <limits>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "composer/checkpoint/pickle_writer.h"

namespace composer {
namespace {

std::string pickle_of(const std::string& instructions) {
  return absl::StrCat(absl::string_view("\x80\x02", 2), instructions, ".");
}

std::string text(const std::string& value) {
  return absl::StrCat("X", std::string(1, static_cast<char>(value.size())), std::string(3, '\0'),
                      value);
}

void expect_error(const std::string& pickle, absl::StatusCode code, const std::string& part,
                  UnknownGlobals unknown = UnknownGlobals::REFUSE) {
  const absl::Status status = read_pickle(pickle, unknown).status();
  EXPECT_EQ(status.code(), code) << status;
  EXPECT_TRUE(absl::StrContains(status.message(), part)) << status << " lacks " << part;
}

// A tensor of `sizes` and `strides`, which are instructions, of a storage "0" of four floats.
std::string tensor(const std::string& sizes, const std::string& strides,
                   const std::string& offset = std::string("K\0", 2)) {
  return absl::StrCat("ctorch._utils\n_rebuild_tensor_v2\n((", text("storage"),
                      "ctorch\nFloatStorage\n", text("0"), text("cpu"), "K\x04tQ", offset, sizes,
                      strides, "\x89", "ccollections\nOrderedDict\n)RtR");
}

TEST(PickleTest, ReadsNumbersAndStrings) {
  const auto integer = [](const std::string& instruction) {
    const auto tree = read_pickle(pickle_of(instruction));
    EXPECT_TRUE(tree.ok()) << tree.status();
    const auto* value = tree.ok() ? tree->root->as<int64_t>() : nullptr;
    return value == nullptr ? int64_t{-999} : *value;
  };
  EXPECT_EQ(integer("K\xff"), 255);
  EXPECT_EQ(integer(std::string("M\x01\x80", 3)), 0x8001);
  EXPECT_EQ(integer("J\xfe\xff\xff\xff"), -2);
  EXPECT_EQ(integer(std::string("\x8a\0", 2)), 0);
  EXPECT_EQ(integer("\x8a\x01\xff"), -1);
  EXPECT_EQ(integer(std::string("\x8a\x02\xff\0", 4)), 255);
  EXPECT_EQ(integer(std::string("\x8a\x08\0\0\0\0\0\0\0\x80", 10)),
            std::numeric_limits<int64_t>::min());
  expect_error(pickle_of(std::string("\x8a\x09\0\0\0\0\0\0\0\x80\0", 11)),
               absl::StatusCode::kInvalidArgument, "an integer of more than 64 bits");

  const auto tree = read_pickle(pickle_of(std::string("G\xc0\x02\0\0\0\0\0\0", 9)));
  ASSERT_TRUE(tree.ok()) << tree.status();
  EXPECT_EQ(*tree->root->as<double>(), -2.25);
  EXPECT_EQ(*read_pickle(pickle_of(text("n\xc3\xa4me")))->root->as<std::string>(), "n\xc3\xa4me");
  EXPECT_EQ(*read_pickle(pickle_of("\x88"))->root->as<bool>(), true);
  EXPECT_NE(read_pickle(pickle_of("N"))->root->as<std::monostate>(), nullptr);
}

TEST(PickleTest, ReadsAndWritesContainers) {
  // {"a": [1, None], "b": (), "c": the list of "a"} with attributes, as an OrderedDict.
  const std::string pickle =
      pickle_of(absl::StrCat("ccollections\nOrderedDict\n)R(", text("a"), "]q\x05(K\x01Ne",
                             text("b"), ")", text("c"), "h\x05u}", text("_metadata"), "}ssb"));
  // The dict of attributes wants a key and a value: "s" twice would take one too many.
  expect_error(pickle, absl::StatusCode::kDataLoss, "");
  const std::string good =
      pickle_of(absl::StrCat("ccollections\nOrderedDict\n)R(", text("a"), "]q\x05(K\x01Ne",
                             text("b"), ")", text("c"), "h\x05u}", text("_metadata"), "}sb"));
  for (const bool written : {false, true}) {
    auto tree = read_pickle(good);
    ASSERT_TRUE(tree.ok()) << tree.status();
    if (written) {
      const auto again = write_pickle(*tree->root);
      ASSERT_TRUE(again.ok()) << again.status();
      tree = read_pickle(*again);
      ASSERT_TRUE(tree.ok()) << tree.status();
    }
    const PickleDict* const dict = tree->root->as<PickleDict>();
    ASSERT_NE(dict, nullptr);
    EXPECT_TRUE(dict->ordered);
    ASSERT_EQ(dict->items.size(), 3u);
    const PickleValue* const list = dict->find("a");
    ASSERT_NE(list, nullptr);
    ASSERT_EQ(list->as<PickleList>()->items.size(), 2u);
    EXPECT_EQ(*list->as<PickleList>()->items[0]->as<int64_t>(), 1);
    EXPECT_EQ(dict->find("c"), list);
    EXPECT_TRUE(dict->find("b")->as<PickleTuple>()->items.empty());
    ASSERT_NE(dict->attributes, nullptr);
    EXPECT_NE(dict->attributes->as<PickleDict>()->find("_metadata"), nullptr);
    EXPECT_EQ(dict->find("d"), nullptr);
  }
}

TEST(PickleTest, ReadsAndWritesTensors) {
  auto tree = read_pickle(pickle_of(tensor("K\x01K\x02\x86", "K\x02K\x01\x86", "K\x02")));
  ASSERT_TRUE(tree.ok()) << tree.status();
  const auto again = write_pickle(*tree->root);
  ASSERT_TRUE(again.ok()) << again.status();
  tree = read_pickle(*again);
  ASSERT_TRUE(tree.ok()) << tree.status();
  const PickleTensor* const read = tree->root->as<PickleTensor>();
  ASSERT_NE(read, nullptr);
  EXPECT_EQ(read->sizes, (std::vector<int64_t>{1, 2}));
  EXPECT_EQ(read->strides, (std::vector<int64_t>{2, 1}));
  EXPECT_EQ(read->offset, 2);
  EXPECT_EQ(read->dtype->name, "float32");
  EXPECT_FALSE(read->requires_grad);
  EXPECT_EQ(read->storage->as<PickleStorage>()->key, "0");
  EXPECT_EQ(read->storage->as<PickleStorage>()->size, 4);
}

TEST(PickleTest, RefusesWhatItDoesNotKnowByName) {
  const std::string attack = absl::StrCat("cos\nsystem\n(", text("rm -rf /"), "tR");
  expect_error(pickle_of(attack), absl::StatusCode::kInvalidArgument,
               "byte 2: it refers to os.system, which is not among what is read");
  expect_error(pickle_of(attack), absl::StatusCode::kInvalidArgument, "nothing was executed");
  expect_error(pickle_of("cbuiltins\neval\n"), absl::StatusCode::kInvalidArgument, "builtins.eval");
  // Not by looking like something known.
  expect_error(pickle_of("ctorch\n_utils._rebuild_tensor_v3.__globals__\n"),
               absl::StatusCode::kInvalidArgument, "__globals__");
  expect_error(pickle_of("cposix\nsystem\n0"), absl::StatusCode::kInvalidArgument, "posix.system");
}

TEST(PickleTest, KeepsTheNameAloneOfWhatIsUnknown) {
  // {"a": Namespace(x=[]), "b": 1}, where the object is made, filled and called in each known way.
  const std::string pickle =
      pickle_of(absl::StrCat("}(", text("a"), "cargparse\nNamespace\n)\x81}", text("x"), "]sb",
                             "K\x01", "a(", text("k"), "Nu", ")R", text("b"), "K\x01u"));
  expect_error(pickle, absl::StatusCode::kInvalidArgument, "argparse.Namespace");
  const auto tree = read_pickle(pickle, UnknownGlobals::KEEP_OPAQUE);
  ASSERT_TRUE(tree.ok()) << tree.status();
  const PickleDict* const dict = tree->root->as<PickleDict>();
  ASSERT_NE(dict, nullptr);
  ASSERT_NE(dict->find("a")->as<PickleOpaque>(), nullptr);
  EXPECT_EQ(dict->find("a")->as<PickleOpaque>()->name, "argparse.Namespace");
  EXPECT_EQ(*dict->find("b")->as<int64_t>(), 1);
  EXPECT_EQ(write_pickle(*tree->root).status().code(), absl::StatusCode::kInvalidArgument);

  // A tensor of an unknown storage is unknown.
  std::string foreign = tensor("K\x04\x85", "K\x01\x85");
  foreign.replace(foreign.find("FloatStorage"), 12, "QInt8Storage");
  const auto quantised = read_pickle(pickle_of(foreign), UnknownGlobals::KEEP_OPAQUE);
  ASSERT_TRUE(quantised.ok()) << quantised.status();
  ASSERT_NE(quantised->root->as<PickleOpaque>(), nullptr);
  EXPECT_EQ(quantised->root->as<PickleOpaque>()->name, "torch.QInt8Storage");
}

TEST(PickleTest, RefusesDamage) {
  const auto damaged = [](const std::string& instructions, const std::string& part) {
    expect_error(pickle_of(instructions), absl::StatusCode::kDataLoss, part);
  };
  expect_error("", absl::StatusCode::kDataLoss, "no pickle");
  expect_error("\x80\x04.", absl::StatusCode::kDataLoss, "protocol 4; expected 2");
  expect_error(pickle_of("N") + "x", absl::StatusCode::kDataLoss, "more after");
  expect_error(pickle_of("0"), absl::StatusCode::kInvalidArgument, "0x30 (0)");
  damaged("", "left over");
  damaged("NN", "left over");
  damaged("(N", "left over");
  damaged("\x85", "where there is none");
  damaged("N(\x85", "where there is none");
  damaged("t", "mark");
  damaged("Na", "where there is none");
  damaged("NNa", "appends to None");
  damaged("](Nu", "1 keys and values of a list");
  damaged("}(Nu", "1 keys");
  damaged("}Nb", "attributes of a dict");
  damaged("h\x01", "recalls value 1");
  damaged("K\x01)R", "calls an integer");
  damaged("ctorch\nFloatStorage\n)R", "torch.FloatStorage with arguments");
  damaged("NQ", "as a storage's id");
  damaged(")Q", "no storage's id");
  damaged("cos\nsystem", "does not end");
  damaged(std::string("X\xff\xff\xff\xff", 5) + "a", "truncated");
  damaged(tensor("K\x04\x85", ")"), "do not fit");
  damaged(tensor("J\xff\xff\xff\xff\x85", "K\x01\x85"), "do not fit");
  damaged(tensor("N\x85", "K\x01\x85"), "do not fit");
  const std::string good = pickle_of(tensor("K\x04\x85", "K\x01\x85"));
  for (size_t size = 0; size < good.size(); ++size) {
    EXPECT_EQ(read_pickle(good.substr(0, size)).status().code(), absl::StatusCode::kDataLoss);
  }
}

// Each would take gigabytes, hours or the stack, were it believed.
TEST(PickleTest, HostilePicklesCostNoMoreThanTheirSize) {
  const auto repeated = [](const std::string& first, const std::string& part, int count,
                           const std::string& last = "") {
    std::string pickle = first;
    for (int i = 0; i < count; ++i) pickle += part;
    return pickle_of(pickle + last);
  };
  constexpr int kMany = 200'000;
  // Tuples within tuples.
  EXPECT_TRUE(read_pickle(repeated("N", "\x85", kMany)).ok());
  EXPECT_EQ(write_pickle(*read_pickle(repeated("N", "\x85", kMany))->root).status().code(),
            absl::StatusCode::kInvalidArgument);
  // A list that doubles each time, were it unfolded: 2^1000.
  EXPECT_TRUE(read_pickle(repeated("]", "q\x01h\x01\x86", 1000)).ok());
  // A list in itself.
  EXPECT_TRUE(read_pickle(pickle_of("]q\x01h\x01"
                                    "a"))
                  .ok());
  // One large tuple as the arguments of all calls.
  EXPECT_FALSE(read_pickle(repeated("(" + std::string(kMany, 'N') + "tq\x01" +
                                        "ccollections\nOrderedDict\nq\x02",
                                    "h\x02h\x01R", kMany))
                   .ok());
  // A long name, recalled: what it makes is one object.
  EXPECT_TRUE(
      read_pickle(repeated("ca\n" + std::string(290, 'x') + "\nq\x01", "h\x01)R\x86", kMany),
                  UnknownGlobals::KEEP_OPAQUE)
          .ok());
  // A tensor of 64 dimensions, made again and again of the same arguments.
  std::string dimensions = "(";
  for (int i = 0; i < 64; ++i) dimensions += "K\x01";
  std::string one = tensor(dimensions + "t", dimensions + "t");
  one.insert(one.size() - 1, "q\x01");
  one.insert(one.find("(("), "q\x02");
  EXPECT_TRUE(read_pickle(pickle_of(one)).ok());
  expect_error(repeated(one, "h\x02h\x01R\x86", kMany), absl::StatusCode::kDataLoss,
               "more values than a pickle of its size");
}

TEST(PickleTest, WhatCannotBeWrittenIsSaid) {
  PickleTree tree;
  const PickleValue* const bad = tree.add({std::string("\xff")});
  EXPECT_EQ(write_pickle(*bad).status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(write_pickle(*tree.add({PickleGlobal{"os.system"}})).status().message(),
            "os.system cannot be written");
}

}  // namespace
}  // namespace composer
