"""What segments and episodes look like: poses for a 3-D view in the browser, clips, and pictures."""
