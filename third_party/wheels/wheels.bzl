"""Running the scripts that fetch wheels from repository rules."""

def run_python(ctx, script, arguments, instead = ""):
    """Runs a script of this repository.

    Args:
      ctx: the repository rule's context.
      script: the script's label.
      arguments: what it is called with.
      instead: what the user can do where it fails; ends the error message.

    Returns:
      The line it printed.
    """

    # Debian's Python first: bazelw has seen to it that this one has pip.
    python = "/usr/bin/python3" if ctx.path("/usr/bin/python3").exists else "python3"
    result = ctx.execute([python, ctx.path(script)] + arguments, timeout = 3600)
    if result.return_code:
        fail("@%s: %s\n%s" % (ctx.name, result.stderr.strip(), instead))
    return result.stdout.strip()

def fetch_wheels(ctx, name, wheels, instead):
    """Keeps wheels unpacked in the user's cache.

    Args:
      ctx: the repository rule's context.
      name: the folder's name in the cache; names the versions, so that clones at different commits
        do not take it from each other.
      wheels: from "name==version" to sha256.
      instead: what the user can do where nothing can be downloaded; ends the error message.

    Returns:
      The path of the folder that holds the wheels' content.
    """
    ctx.report_progress("fetching " + ", ".join(wheels.keys()))
    return run_python(
        ctx,
        Label("//third_party/wheels:fetch_wheels.py"),
        [name] + ["%s --hash=sha256:%s" % item for item in wheels.items()],
        instead,
    )
