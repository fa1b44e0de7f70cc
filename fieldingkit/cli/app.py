"""The commands of the command line; each is loaded when it is called."""

from importlib.metadata import version

from cyclopts import App

__all__ = ["app"]

app = App(
    name="fieldingkit",
    help="Control the fielding of survey target groups on the Cint Exchange.",
    version=version("fieldingkit"),
)
app.command("fieldingkit.cli.demo:demo", name="demo", help="Pause 40 target groups on a sandbox in this process.")
app.command("fieldingkit.cli.sandbox:sandbox", name="sandbox", help="Serve the API in memory.")
