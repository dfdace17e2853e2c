#include "tests/checkpoint/faults/simulated_disk.h"

#include <fcntl.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "tests/checkpoint/faults/sample_checkpoint.h"

namespace composer {

SimulatedDisk::SimulatedDisk(std::string root) : root_(std::move(root)) { add(Node::kFolder); }

SimulatedDisk::NodeId SimulatedDisk::add(Node::Kind kind) {
  nodes_.push_back({.kind = kind});
  return nodes_.size() - 1;
}

SimulatedDisk::Node* SimulatedDisk::find(const std::string& path) {
  absl::string_view rest = path;
  if (!absl::ConsumePrefix(&rest, root_)) return nullptr;
  Node* node = &nodes_[0];
  for (absl::string_view name : absl::StrSplit(rest, '/', absl::SkipEmpty())) {
    const auto found = node->names.find(std::string(name));
    if (found == node->names.end()) return nullptr;
    node = &nodes_[found->second];
  }
  return node;
}

std::pair<SimulatedDisk::Node*, std::string> SimulatedDisk::place(const std::string& path) {
  const std::filesystem::path split(path);
  return {find(split.parent_path()), split.filename()};
}

void SimulatedDisk::change(std::map<std::string, NodeId>& names, const Change& change) {
  for (const auto& [name, node] : change) {
    if (node) {
      names[name] = *node;
    } else {
      names.erase(name);
    }
  }
}

void SimulatedDisk::write(std::string& content, const Write& write) {
  content.resize(std::max<size_t>(content.size(), write.offset + write.data.size()));
  content.replace(write.offset, write.data.size(), write.data);
}

void SimulatedDisk::change_names(const std::string& path, const Change& made) {
  Node* const folder = place(path).first;
  change(folder->names, made);
  folder->changes.push_back(made);
}

void SimulatedDisk::apply(const FileSystemCall& call) {
  const auto [folder, name] = place(call.path);
  if (folder == nullptr && call.path != root_) return;
  switch (call.kind) {
    case FileSystemCall::kOpen: {
      if ((call.flags & O_CREAT) == 0) return;
      const NodeId file = add(Node::kFile);
      change_names(call.path, {{name, file}});
      open_files_[call.descriptor] = file;
      positions_[call.descriptor] = 0;
      return;
    }
    case FileSystemCall::kClose:
      open_files_.erase(call.descriptor);
      return;
    case FileSystemCall::kWrite:
    case FileSystemCall::kAllocate: {
      Node& file = nodes_[open_files_.at(call.descriptor)];
      const bool writes = call.kind == FileSystemCall::kWrite;
      const Write made = writes ? Write{positions_[call.descriptor], {call.data, call.size}}
                                : Write{0, std::string(call.size, '\0')};
      if (writes) positions_[call.descriptor] += call.size;
      write(file.content, made);
      file.writes.push_back(made);
      return;
    }
    case FileSystemCall::kSync: {
      const auto file = open_files_.find(call.descriptor);
      Node& node = file == open_files_.end() ? *find(call.path) : nodes_[file->second];
      node.synced_names = node.names;
      node.synced_content = node.content;
      node.changes.clear();
      node.writes.clear();
      return;
    }
    case FileSystemCall::kMakeFolder:
      change_names(call.path, {{name, add(Node::kFolder)}});
      return;
    case FileSystemCall::kLink: {
      const NodeId link = add(Node::kLink);
      nodes_[link].target = call.other;
      change_names(call.path, {{name, link}});
      return;
    }
    case FileSystemCall::kRename:
    case FileSystemCall::kExchange: {
      const auto [other_folder, other_name] = place(call.other);
      if (other_folder != folder) std::abort();  // no save moves anything between folders
      std::optional<NodeId> replaced;
      if (call.kind == FileSystemCall::kExchange) replaced = folder->names.at(other_name);
      change_names(call.path, {{name, replaced}, {other_name, folder->names.at(name)}});
      return;
    }
    case FileSystemCall::kUnlink:
    case FileSystemCall::kRemoveFolder:
      change_names(call.path, {{name, std::nullopt}});
      return;
    case FileSystemCall::kLook:
      return;
  }
}

void SimulatedDisk::write_remains(const std::string& folder, Luck luck,
                                  std::mt19937_64& random) const {
  std::filesystem::remove_all(folder);
  write_node(nodes_[0], folder, luck, random);
}

void SimulatedDisk::write_node(const Node& node, const std::string& path, Luck luck,
                               std::mt19937_64& random) const {
  const auto reached = [&] {
    return luck == Luck::kEverything || (luck == Luck::kAnything && random() % 2 == 0);
  };
  if (node.kind == Node::kLink) {
    std::filesystem::create_symlink(node.target, path);
    return;
  }
  if (node.kind == Node::kFile) {
    std::string content = node.synced_content;
    for (Write made : node.writes) {
      if (!reached()) continue;
      // Often only its beginning did.
      if (luck == Luck::kAnything) made.data.resize(random() % (made.data.size() + 1));
      write(content, made);
    }
    write_whole_file(path, content);
    return;
  }
  std::map<std::string, NodeId> names = node.synced_names;
  for (const Change& made : node.changes) {
    if (reached()) change(names, made);
  }
  std::filesystem::create_directory(path);
  for (const auto& [name, child] : names) {
    write_node(nodes_[child], absl::StrCat(path, "/", name), luck, random);
  }
}

}  // namespace composer
