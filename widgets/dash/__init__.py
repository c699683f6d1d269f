"""Parts of the dashboard: tabs, the choice of a picture, and the whole screen."""
