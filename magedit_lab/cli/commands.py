"""The commands by name, with their module and a line of help: all that `magedit-lab --help` needs, so that no command's
own imports are paid for before it is asked for."""

COMMANDS = {
    "demo": ("demo", "edit one of two look-alikes with the shipped model"),
    "edit": ("edit", "edit a picture of your own"),
    "methods": ("methods", "the editing methods by name, or one method's settings"),
    "applications": ("applications", "the paper's Fig. 9 in miniature, a picture of each"),
    "bench": ("bench", "measure methods, settings, or the shipped model"),
    "study": ("study", "a page for blind pairwise votes on the pictures of `bench table1`"),
    "study-report": ("study", "shares of votes, with intervals"),
    "export": ("export", "a model as graphs for the web page"),
    "web": ("web", "serve the web page that `make web` built"),
    "train": ("train", "train the room's models"),
    "notebooks": ("notebooks", "copy the course's notebooks into a folder"),
    "doctor": ("doctor", "versions, device, shipped models and a trial, for a bug report"),
}
