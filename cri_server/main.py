"""The command ``wasmlet``. What only a server needs is imported when a server starts."""

import sys
from pathlib import Path
from typing import Annotated, NoReturn

import typer

from cri_server.errors import StartupError, UnusableSetting

app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    pretty_exceptions_enable=False,  # a traceback in a log is no place for frames and colours
    help="Container runtime for WebAssembly pods (CRI v1).",
)
config_app = typer.Typer(no_args_is_help=True, help="The configuration file.")
app.add_typer(config_app, name="config")


def _print_version(wanted: bool) -> None:
    if wanted:
        from cri_server.version import wasmlet_version

        print(f"wasmlet {wasmlet_version()}")
        raise typer.Exit()


@app.callback()
def wasmlet(
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version and exit.")
    ] = False,
) -> None:
    """Container runtime for WebAssembly pods (CRI v1)."""


@app.command()
def serve(
    config: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Default: /etc/wasmlet/config.toml, if any.")
    ] = None,
    socket: Annotated[str | None, typer.Option(metavar="PATH", help="Unix socket to serve on.")] = None,
    root: Annotated[str | None, typer.Option(metavar="DIR", help="Directory for what lasts.")] = None,
    state: Annotated[str | None, typer.Option(metavar="DIR", help="Directory for what is volatile.")] = None,
) -> None:
    """Serve the CRI on a unix socket until SIGTERM or SIGINT."""
    from cri_server import serve as server
    from cri_server.config_file import load_settings, place

    paths = {"socket": socket, "root": root, "state": state}
    options = {name: path for name, path in paths.items() if path is not None}
    try:
        server.run(load_settings(config, options))
    except UnusableSetting as error:
        _give_up(f"{place(error.key, config, options)}: {error.complaint}")
    except StartupError as error:
        _give_up(str(error))


def _give_up(reason: str) -> NoReturn:
    print(f"wasmlet: {reason}", file=sys.stderr)
    raise typer.Exit(1) from None


@config_app.command("default")
def config_default() -> None:
    """Print the commented default configuration."""
    from cri_server.config_text import default_config

    print(default_config(), end="")


def main() -> None:
    app()
