#include "composer/config/yaml_reader.h"

#include <algorithm>
#include <map>
#include <sstream>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "composer/config/yaml_scalars.h"
#include "yaml-cpp/depthguard.h"
#include "yaml-cpp/eventhandler.h"
#include "yaml-cpp/exceptions.h"
#include "yaml-cpp/parser.h"

namespace composer {
namespace {

// Ends the parse after an error that was reported.
struct Stop {};

int count_nodes(const Value& value) {
  int count = 1;
  for (const Value& item : value.items) count += count_nodes(item);
  for (const ValueEntry& entry : value.entries) count += count_nodes(entry.value);
  return count;
}

int depth_of(const Value& value) {
  int deepest = 0;
  for (const Value& item : value.items) deepest = std::max(deepest, depth_of(item));
  for (const ValueEntry& entry : value.entries) {
    deepest = std::max(deepest, depth_of(entry.value));
  }
  return deepest + 1;
}

class TreeBuilder : public YAML::EventHandler {
 public:
  TreeBuilder(std::shared_ptr<const Source> source, Diagnostics& diagnostics)
      : source_(std::move(source)), diagnostics_(diagnostics) {}

  // The tree, also after the parse ended early: then the open nodes are marked incomplete.
  Value take_root() {
    ended_ = true;
    try {
      while (!open_.empty()) {
        open_.back().value.incomplete = true;
        close();
      }
    } catch (const Stop&) {
      root_ = Value();
    }
    return std::move(root_);
  }

  void report(const YAML::Mark& mark, absl::string_view message) {
    diagnostics_.add(at(mark), "", message);
  }

  void OnDocumentStart(const YAML::Mark& mark) override {
    if (++documents_ > 1) stop(at(mark), "a second document; a config is one document");
  }
  void OnDocumentEnd() override {}

  void OnNull(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    add(make_scalar(Value::ScalarKind::kNull, "", at(mark)), anchor);
  }

  void OnAlias(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    const auto found = anchors_.find(anchor);
    if (found == anchors_.end()) stop(at(mark), "an alias to a value that contains it");
    if (static_cast<int>(open_.size()) + found->second.depth > kMaxValueDepth) too_deep(at(mark));
    nodes_ += found->second.nodes;
    check_nodes(at(mark));
    Value copy = found->second.value;
    copy.location = at(mark);
    add(std::move(copy), 0);
  }

  void OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                const std::string& text) override {
    add(make_scalar(scalar_kind(mark, tag, text), text, at(mark)), anchor);
  }

  void OnSequenceStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                       YAML::EmitterStyle::value) override {
    check_collection_tag(mark, tag);
    open(make_list(at(mark)), anchor);
  }
  void OnSequenceEnd() override { close(); }

  void OnMapStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                  YAML::EmitterStyle::value) override {
    check_collection_tag(mark, tag);
    open(make_map(at(mark)), anchor);
  }
  void OnMapEnd() override { close(); }

 private:
  struct Open {
    Value value;
    YAML::anchor_t anchor;
    // Of a map: the key whose value comes next, the keys so far, and what `<<` brought.
    bool has_key = false;
    ValueEntry entry;
    std::map<std::string, Location> keys;
    std::vector<ValueEntry> merged;
  };

  struct Anchor {
    Value value;
    int nodes;
    int depth;
  };

  // Of the value that was just read.
  std::string path() const {
    std::string result;
    for (const Open& node : open_) {
      result = join_path(result, node.value.kind == Value::Kind::kMap
                                     ? node.entry.key
                                     : absl::StrCat("[", node.value.items.size(), "]"));
    }
    return result;
  }

  Location at(const YAML::Mark& mark) const { return {source_, mark.line + 1, mark.column + 1}; }

  [[noreturn]] void stop(const Location& location, absl::string_view message) {
    if (!ended_) diagnostics_.add(location, "", message);
    throw Stop();
  }

  [[noreturn]] void too_deep(const Location& location) {
    stop(location, absl::StrCat("values are nested more than ", kMaxValueDepth, " deep"));
  }

  void check_nodes(const Location& location) {
    if (nodes_ > kMaxValueNodes) {
      stop(location,
           absl::StrCat("more than ", kMaxValueNodes, " values after aliases are replaced"));
    }
  }

  Value::ScalarKind scalar_kind(const YAML::Mark& mark, const std::string& tag,
                                const std::string& text) {
    const bool yaml = source_->format == ConfigFormat::kYaml;
    if (tag == "!" || tag == "tag:yaml.org,2002:str") return Value::ScalarKind::kString;
    const bool core = tag.empty() || tag == "?" || tag == "tag:yaml.org,2002:int" ||
                      tag == "tag:yaml.org,2002:float" || tag == "tag:yaml.org,2002:bool" ||
                      tag == "tag:yaml.org,2002:null";
    if (!core) stop(at(mark), absl::StrCat("the tag ", tag, " is not supported"));
    if (text == "null" ||
        (yaml && (text.empty() || text == "~" || text == "Null" || text == "NULL"))) {
      return Value::ScalarKind::kNull;
    }
    return is_yaml_number(text, source_->format) ? Value::ScalarKind::kNumber
                                                 : Value::ScalarKind::kWord;
  }

  void check_collection_tag(const YAML::Mark& mark, const std::string& tag) {
    const bool core = tag.empty() || tag == "?" || tag == "!" || tag == "tag:yaml.org,2002:map" ||
                      tag == "tag:yaml.org,2002:seq";
    if (!core) stop(at(mark), absl::StrCat("the tag ", tag, " is not supported"));
  }

  bool expects_key() const {
    return !open_.empty() && open_.back().value.kind == Value::Kind::kMap && !open_.back().has_key;
  }

  void open(Value value, YAML::anchor_t anchor) {
    // yaml-cpp also calls a bracket that is never closed a key.
    if (expects_key()) {
      stop(value.location,
           absl::StrCat("expected a name, found ", value.describe(), "; is its bracket closed?"));
    }
    if (open_.size() >= static_cast<size_t>(kMaxValueDepth)) too_deep(value.location);
    ++nodes_;
    check_nodes(value.location);
    open_.push_back({std::move(value), anchor, false, {}, {}, {}});
  }

  void close() {
    Open node = std::move(open_.back());
    open_.pop_back();
    for (ValueEntry& entry : node.merged) {
      if (node.keys.count(entry.key) == 0) node.value.entries.push_back(std::move(entry));
    }
    fold_type(node.value);
    --nodes_;  // add() counts it
    add(std::move(node.value), node.anchor);
  }

  void add(Value value, YAML::anchor_t anchor) {
    ++nodes_;
    check_nodes(value.location);
    if (expects_key()) return begin_entry(value);
    if (anchor != 0) anchors_[anchor] = {value, count_nodes(value), depth_of(value)};
    if (open_.empty()) {
      root_ = std::move(value);
      return;
    }
    Open& parent = open_.back();
    if (parent.value.kind == Value::Kind::kList) {
      parent.value.items.push_back(std::move(value));
      return;
    }
    parent.has_key = false;
    if (parent.entry.key == "<<") return merge(parent, std::move(value));
    const std::string key = absl::StrCat(parent.entry.key, parent.entry.append ? "+" : "");
    const auto [first, added] = parent.keys.emplace(key, parent.entry.location);
    if (!added) {
      diagnostics_.add(parent.entry.location, path(),
                       absl::StrCat("set twice; first at line ", first->second.line, ", column ",
                                    first->second.column));
      return;
    }
    parent.entry.value = std::move(value);
    parent.value.entries.push_back(std::move(parent.entry));
  }

  void begin_entry(const Value& key) {
    if (key.kind != Value::Kind::kScalar || key.scalar_kind == Value::ScalarKind::kNull) {
      stop(key.location, "expected a name, found " + key.describe());
    }
    if (source_->format == ConfigFormat::kJson && key.scalar_kind != Value::ScalarKind::kString) {
      stop(key.location, "expected a name in quotes, found " + key.describe());
    }
    Open& map = open_.back();
    map.has_key = true;
    map.entry = {key.text, key.location, false, {}};
    if (key.text.size() > 1 && absl::EndsWith(key.text, "+")) {
      map.entry.key.pop_back();
      map.entry.append = true;
    }
  }

  // What is written in the map itself wins, then the earlier of several merged maps.
  void merge(Open& map, Value value) {
    std::vector<Value> sources;
    if (value.kind == Value::Kind::kList) {
      sources = std::move(value.items);
    } else {
      sources.push_back(std::move(value));
    }
    for (Value& source : sources) {
      if (source.kind != Value::Kind::kMap) {
        stop(source.location, "expected a map to merge with <<, found " + source.describe());
      }
      for (ValueEntry& entry : source.entries) {
        bool known = false;
        for (const ValueEntry& earlier : map.merged) known |= earlier.key == entry.key;
        if (!known) map.merged.push_back(std::move(entry));
      }
    }
  }

  // {"@type": T, a: 1} becomes {"[T]": {a: 1}}.
  static void fold_type(Value& value) {
    const Value* type = value.find("@type");
    if (type == nullptr || type->kind != Value::Kind::kScalar) return;
    ValueEntry entry;
    entry.key = absl::StrCat("[", type->text, "]");
    entry.location = type->location;
    entry.value = make_map(value.location);
    entry.value.incomplete = value.incomplete;
    for (ValueEntry& field : value.entries) {
      if (field.key != "@type") entry.value.entries.push_back(std::move(field));
    }
    value.entries.clear();
    value.entries.push_back(std::move(entry));
  }

  const std::shared_ptr<const Source> source_;
  Diagnostics& diagnostics_;
  Value root_;
  std::vector<Open> open_;
  std::map<YAML::anchor_t, Anchor> anchors_;
  int nodes_ = 0;
  int documents_ = 0;
  // The error that ended the parse, if any, is reported.
  bool ended_ = false;
};

}  // namespace

Value read_yaml(const std::string& text, std::shared_ptr<const Source> source,
                Diagnostics& diagnostics) {
  const bool json = source->format == ConfigFormat::kJson;
  std::istringstream stream(json ? join_surrogates(text) : text);
  TreeBuilder builder(source, diagnostics);
  bool ended_early = true;
  try {
    YAML::Parser parser(stream);
    while (parser.HandleNextDocument(builder)) {
    }
    ended_early = false;
  } catch (const Stop&) {
  } catch (const YAML::DeepRecursion& error) {
    builder.report(error.mark,
                   absl::StrCat("values are nested more than ", kMaxValueDepth, " deep"));
  } catch (const YAML::Exception& error) {
    builder.report(error.mark, error.msg);
  }
  Value root = builder.take_root();
  if (root.kind == Value::Kind::kMap) {
    root.location = {source, 0, 0};
    root.incomplete = root.incomplete || ended_early;
    return root;
  }
  const bool nothing = root.is_scalar(Value::ScalarKind::kNull);
  if (!ended_early && !nothing) {
    diagnostics.add(root.location, "", "expected fields (name: value), found " + root.describe());
  }
  Value map = make_map({source, 0, 0});
  map.incomplete = !nothing;
  return map;
}

}  // namespace composer
