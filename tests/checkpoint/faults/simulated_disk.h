#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "tests/checkpoint/faults/file_system_shim.h"

namespace composer {

/// What a disk may hold after a power cut, by the letter of POSIX: of a file, what was there when
/// it was last synced, and of what was done to it since then any part; of a folder the same, where
/// one rename is done or not. In this a synced file without a synced name is lost.
class SimulatedDisk {
 public:
  /// `root` is a folder of the real file system, empty now.
  explicit SimulatedDisk(std::string root);

  /// Does what a call did to something below `root`.
  void apply(const FileSystemCall& call);

  /// How much of what was not synced has reached the disk.
  enum class Luck { kNothing, kEverything, kAnything };

  /// Makes a folder of what is there after a power cut now. `random` decides for kAnything.
  void write_remains(const std::string& folder, Luck luck, std::mt19937_64& random) const;

 private:
  using NodeId = size_t;
  // Names that get a node or lose theirs, all at once.
  using Change = std::vector<std::pair<std::string, std::optional<NodeId>>>;
  struct Write {
    uint64_t offset;
    std::string data;
  };
  struct Node {
    enum Kind { kFolder, kFile, kLink } kind = kFile;
    std::map<std::string, NodeId> names, synced_names;
    std::vector<Change> changes;
    std::string content, synced_content;
    std::vector<Write> writes;
    std::string target;
  };

  static void change(std::map<std::string, NodeId>& names, const Change& change);
  static void write(std::string& content, const Write& write);

  // The folder of a path and its name there; null for a path outside.
  std::pair<Node*, std::string> place(const std::string& path);
  Node* find(const std::string& path);
  NodeId add(Node::Kind kind);
  void change_names(const std::string& path, const Change& change);
  void write_node(const Node& node, const std::string& path, Luck luck,
                  std::mt19937_64& random) const;

  const std::string root_;
  std::vector<Node> nodes_;
  // A file stays written to when it is renamed.
  std::map<int, NodeId> open_files_;
  std::map<int, uint64_t> positions_;
};

}  // namespace composer
