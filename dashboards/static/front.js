// Streamlit looks for its server at each step of a deep link's path, and the browser logs each miss as an error.
window.__streamlit = { BACKEND_BASE_URL: `${location.origin}/staff` };
