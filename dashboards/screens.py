"""The script that Streamlit runs for every look at the screens."""

from dashboards.shell import show

show()
